import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import type { Universe } from '../../indexes/universes.ts';
import type { FetchedSeries } from '../../providers/provider.ts';
import { fitsEnd } from '../../series/fits-end.ts';
import { batchesOf } from '../../series/stored/batches.ts';
import { readStoredCloses } from '../../series/stored/stored-closes.ts';
import type { StoredEnd } from './stored-ends.ts';

/** Finds the symbols of the fetched ends that do not continue their stored series. */
export const createFindChanged =
  (reader: Pick<Reader, 'query'>) =>
  async (
    { interval }: Pick<Universe, 'interval'>,
    ends: ReadonlyMap<string, StoredEnd>,
    series: readonly FetchedSeries[],
  ): Promise<ReadonlySet<string>> => {
    const changed = new Set<string>();
    const turns = createTurns();
    for await (const batch of batchesOf(series, ({ prices }) => prices.length)) {
      const starts = batch.map(({ symbol, since }) => ({ asset: ends.get(symbol)!.asset, from: since! }));
      const stored = await readStoredCloses(reader, starts);
      for (const [index, each] of batch.entries()) {
        if (!fitsEnd(each, stored.get(starts[index]!.asset) ?? [], interval)) changed.add(each.symbol);
        await turns.give();
      }
    }
    return changed;
  };
