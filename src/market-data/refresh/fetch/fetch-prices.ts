import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import type { Universe } from '../../indexes/universes.ts';
import {
  assertFetched,
  type FetchedSeries,
  type FetchedUniverse,
  type MarketDataProvider,
} from '../../providers/provider.ts';
import { fitsEnd } from '../../series/fits-end.ts';
import { batchesOf } from '../../series/store-series.ts';
import { readStoredSeries } from '../../series/stored-series.ts';
import { readStoredEnds, type StoredEnd } from './stored-ends.ts';

export type FetchPricesDeps = {
  readonly reader: Pick<Reader, 'query'>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** After so many days the whole history of a series is fetched again. 0: each refresh fetches it. */
  readonly historyDays: number;
};

const maxSymbolsInLog = 5;

/**
 * Fetches the prices of a universe. Of a series whose history is known, only the new bars and an overlap are asked for.
 * If the overlap differs from what is stored, the provider has changed the history, and the whole history is fetched.
 */
export const createFetchPrices = ({ reader, metrics, logger, historyDays }: FetchPricesDeps) => {
  /** Symbols of the fetched ends that do not continue their stored series. */
  const changedSeries = async (
    { interval }: Universe,
    ends: ReadonlyMap<string, StoredEnd>,
    series: readonly FetchedSeries[],
  ): Promise<ReadonlySet<string>> => {
    const changed = new Set<string>();
    const turns = createTurns();
    for (const batch of batchesOf(series)) {
      const starts = batch.map(({ symbol, since }) => ({ asset: ends.get(symbol)!.asset, from: since! }));
      const stored = await readStoredSeries(reader, starts);
      for (const [index, each] of batch.entries()) {
        if (!fitsEnd(each, stored.get(starts[index]!.asset)!, interval)) changed.add(each.symbol);
        await turns.give();
      }
    }
    return changed;
  };

  return async (
    provider: MarketDataProvider,
    universe: Universe,
    signal: AbortSignal,
    { fallback }: { readonly fallback: boolean },
  ): Promise<FetchedUniverse> => {
    const ends = await readStoredEnds(reader, universe, { source: provider.source, historyDays });
    const since = new Map([...ends].map(([symbol, { from }]) => [symbol, from]));
    const options = ends.size === 0 ? { fallback } : { fallback, since };
    const fetched = await provider.fetch(universe, signal, options);
    assertFetched(universe, fetched);
    // Data of an earlier fetch restate nothing.
    if (fetched.source !== 'provider') return fetched;
    const tails = fetched.series.filter((each) => each.since !== undefined);
    const changed = await changedSeries(universe, ends, tails);
    metrics.count('volwatch_series_fetched_total', { extent: 'end' }, tails.length - changed.size);
    metrics.count('volwatch_series_fetched_total', { extent: 'whole' }, fetched.series.length - tails.length);
    metrics.count('volwatch_series_fetched_total', { extent: 'changed' }, changed.size);
    if (changed.size === 0) return fetched;
    logger.info(
      { universe: universe.name, changed: changed.size, first: [...changed].slice(0, maxSymbolsInLog) },
      'the provider has changed the history of series; they are fetched as a whole',
    );
    const part = { ...universe, assets: universe.assets.filter(({ symbol }) => changed.has(symbol)) };
    const whole = await provider.fetch(part, signal, { fallback: false, since: new Map() });
    assertFetched(part, whole);
    const kept = fetched.series.filter(({ symbol }) => !changed.has(symbol));
    return { source: fetched.source, series: [...kept, ...whole.series] };
  };
};
