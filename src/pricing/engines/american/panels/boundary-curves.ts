import { positionOf, type PanelTables } from './panel-mesh.ts';

/** The parameters by which the boundary is differentiated, and the place of each one in arrays of derivatives. */
export const parameterIndex = { rate: 0, dividendYield: 1, volatility: 2 } as const;
export const parameterCount = Object.keys(parameterIndex).length;

/**
 * Logs of one or two exercise boundaries over the time to expiry, as a polynomial of the root of the time for each
 * panel. After the last panel the boundary is constant if `settled`, else there is none.
 */
export type BoundaryCurves = {
  readonly ends: number[];
  /** [curve][panel][node]; the first node of a panel is the last one of the panel before. */
  readonly levels: Float64Array[][];
  /** [curve * parameterCount + parameter][panel][node]: derivatives of the levels. */
  readonly tangents: Float64Array[][];
  /** The panel that contains a time. */
  readonly panelAt: (time: number) => number;
  /** Writes the weights of the nodes of a panel for a time within it to `row`. */
  readonly weightsAt: (panel: number, time: number, row: Float64Array) => void;
};

/**
 * Returns empty curves: `ends` has the start of the first panel only, in years to expiry, and the solver adds panel after panel.
 * @param curves number of exercise boundaries, 1 or 2
 */
export const createCurves = (tables: PanelTables, curves: number): BoundaryCurves => {
  const ends = [0];
  return {
    ends,
    levels: Array.from({ length: curves }, () => []),
    tangents: Array.from({ length: curves * parameterCount }, () => []),
    panelAt: (time) => {
      let low = 0;
      let high = ends.length - 2;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (time > ends[middle + 1]!) low = middle + 1;
        else high = middle;
      }
      return low;
    },
    weightsAt: (panel, time, row) => {
      const to = ends[panel + 1]!;
      tables.writeRow(positionOf(Math.min(time, to), ends[panel]!, to), row, 0);
    },
  };
};

/** The value of a polynomial at given weights of its nodes. */
export const atWeights = (values: Float64Array, row: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += row[i]! * values[i]!;
  return sum;
};

/** The log of a boundary; after the last panel it is constant. */
export const levelAt = ({ ends, levels, panelAt, weightsAt }: BoundaryCurves, curve: number, time: number): number => {
  const clamped = Math.min(time, ends.at(-1)!);
  const panel = panelAt(clamped);
  const values = levels[curve]![panel]!;
  const row = new Float64Array(values.length);
  weightsAt(panel, clamped, row);
  return atWeights(values, row);
};
