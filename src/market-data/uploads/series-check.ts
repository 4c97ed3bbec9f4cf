import type { PriceBar } from '../providers/provider.ts';
import { contradictionIn, median, movedWithoutSplit } from '../series/bars.ts';
import { periodOf, type Interval } from '../series/periods.ts';
import type { UploadRow } from './check-row.ts';

/** What is known of the rows of one asset. */
export type UploadedSeries = {
  rows: number;
  firstDate: string;
  lastDate: string;
  /**
   * True if its rows are in order, one for each period, and none of them would be held back when nothing is stored. Such a
   * series is written without reading it again.
   */
  isPlain: boolean;
};

type Checked = UploadedSeries & { previous: PriceBar | undefined; first: PriceBar | undefined; opening: number[] };

/** The number of closes that the first bar is compared with; as in `planSeries`. */
const openingCloses = 5;

/** Checks each row with the one before it, in the order of arrival, by the rules of `planSeries`. */
export const createSeriesCheck = ({
  interval,
  quarantineFactor,
}: {
  readonly interval: Interval;
  readonly quarantineFactor: number;
}) => {
  const known = new Map<number, Checked>();
  const judgeOpening = (series: Checked): void => {
    const close = median(series.opening);
    const reference = { open: null, high: null, low: null, close };
    if (series.first && movedWithoutSplit(series.first, reference, quarantineFactor)) series.isPlain = false;
    series.first = undefined;
  };
  return {
    add: (row: UploadRow): void => {
      const { asset, date, close } = row;
      let series = known.get(asset);
      if (series === undefined) {
        series = {
          rows: 0,
          firstDate: date,
          lastDate: date,
          isPlain: true,
          previous: undefined,
          first: row,
          opening: [],
        };
        known.set(asset, series);
      }
      series.rows += 1;
      if (series.isPlain) {
        const { previous } = series;
        const isLater =
          previous === undefined ||
          (date > previous.date &&
            (interval === '1day' || periodOf(date, interval) !== periodOf(previous.date, interval)));
        const isFar = previous !== undefined && movedWithoutSplit(row, previous, quarantineFactor) !== undefined;
        if (!isLater || isFar || contradictionIn(row)) series.isPlain = false;
        series.previous = row;
        if (series.opening.length < openingCloses && series.opening.push(close) === openingCloses) judgeOpening(series);
      }
      if (date < series.firstDate) series.firstDate = date;
      if (date > series.lastDate) series.lastDate = date;
    },
    rowsOf: (asset: number): number => known.get(asset)?.rows ?? 0,
    /** By asset. Ends the check. */
    series: (): ReadonlyMap<number, UploadedSeries> => {
      for (const series of known.values()) judgeOpening(series);
      return known;
    },
  };
};
