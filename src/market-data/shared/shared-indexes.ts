import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import { jobOfChange, type JobData, type JobEnqueuer, type PutBack } from '#src/kernel/ports/jobs.ts';
import type { Lock, Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { calculateIndexValues } from '../indexes/calculate-index-values.ts';
import { markOutdated } from '../indexes/index-values.ts';
import { reportIndexes } from '../indexes/report-indexes.ts';
import { refreshLockName } from '../refresh/refresh-lock.ts';
import type { RefreshRunDeps } from '../refresh/refresh-run-deps.ts';
import { ensureAssets } from '../refresh/ensure/ensure-assets.ts';

/** The universes with indexes that have one of the symbols. Definitions are read, because an index can be new. */
const universesOfSymbols = async (
  { query }: Pick<Transaction, 'query'>,
  symbols: readonly string[],
): Promise<readonly string[]> =>
  (
    await query<{ universe: string }>(
      `select distinct universe from universe_asset where symbol = any($1::text[])
         and exists (select 1 from universe_index where universe_index.universe = universe_asset.universe)
       order by universe`,
      [symbols],
    )
  ).map(({ universe }) => universe);

export type SharedChange = {
  readonly refreshId: string;
  readonly universe: string;
  /** Database ids by symbol. */
  readonly assets: ReadonlyMap<string, number>;
  /** The symbols that can have changed: those of the file, or all of the universe. */
  readonly symbols: readonly string[];
};

/**
 * Leaves the indexes of the other universes with one of the symbols to their next calculation, and enqueues it, in the transaction that changes the
 * prices. One waiting job of a universe is enough for several changes, because it reads the newest prices. One that runs already may have
 * read the prices before.
 *
 * Also indexes that had a symbol before the last change of their universe are marked, because a later change can bring it back.
 */
export const leaveToOthers = async (
  transaction: Transaction,
  jobs: JobEnqueuer | undefined,
  { refreshId, universe, assets, symbols }: SharedChange,
): Promise<void> => {
  const ids = symbols.flatMap((symbol) => assets.get(symbol) ?? []);
  await markOutdated(transaction, ids, { but: universe });
  if (jobs === undefined) return;
  // Read now, because a universe can have got one of the symbols since the transaction began.
  for (const name of await universesOfSymbols(transaction, symbols)) {
    if (name === universe) continue;
    const data = { universe: name, trigger: 'change', calculates_after: refreshId };
    await jobs.enqueue(transaction, 'refresh', { ...jobOfChange(name), data });
  }
};

/** The refresh after which a job only calculates; undefined for a job that is a refresh. */
export const calculatesAfter = (data: JobData): string | undefined => data['calculates_after'];

export type SharedIndexesDeps = Pick<
  RefreshRunDeps,
  'unitOfWork' | 'universes' | 'committed' | 'timeouts' | 'metrics' | 'logger'
> & { readonly lock: Lock };

/**
 * Calculates the indexes of a universe from the stored prices. It is no refresh: nothing is fetched, and it has no record,
 * because the prices of the universe itself are not newer after it.
 * @throws AppError `refresh_in_progress` while a refresh of the universe runs, `validation_failed` for an unknown universe,
 *   `external_api_bad_response` if a value is not usable, or of category database
 */
export const createCalculateIndexes =
  ({ unitOfWork, lock, universes, committed, timeouts, metrics, logger }: SharedIndexesDeps) =>
  async (name: string, refreshId?: string, signal?: AbortSignal): Promise<void> => {
    const result = await lock.tryWith(refreshLockName(name), async () => {
      const universe = await universes.named(name);
      const options = {
        operation: 'index.calculate',
        statementTimeoutMs: timeouts.statementMs ?? timeouts.applyMs,
      } as const;
      const calculated = await unitOfWork.run(options, async (transaction) => {
        const sharedSymbols = await universes.hold(transaction, universe);
        const ids = await ensureAssets(transaction, universe);
        return calculateIndexValues(transaction, ids, universe, {
          from: null,
          sharedSymbols,
          ...(signal && { signal }),
        });
      });
      reportIndexes({ metrics, logger }, { id: refreshId, universe: name }, calculated);
      await committed(universe);
      return true;
    });
    if (!result) throw new AppError('refresh_in_progress', undefined, { retryAfter: 1 });
  };

/** Pause of a calculation whose universe is refreshed at the moment. The refresh may have read the prices before the change, so the job waits for its end. */
const busySeconds = 1;

/** Calculates the indexes of a universe in a job: after a refresh of another one, or after a check of indexes. */
export const createCalculationJob = (deps: SharedIndexesDeps) => {
  const calculate = createCalculateIndexes(deps);
  return async (universe: string, refreshId: string | undefined, signal: AbortSignal): Promise<PutBack | void> => {
    try {
      await calculate(universe, refreshId, signal);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'refresh_in_progress') return { putBackSeconds: busySeconds };
      if (code !== 'validation_failed') throw error;
      deps.logger.info({ universe }, 'a calculation was left out, because its universe does not exist any more');
    }
  };
};
