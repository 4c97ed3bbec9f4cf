import { sameJson } from '#src/kernel/json/same-json.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import { AppError, maxShownErrors, type FieldError } from '#src/kernel/catalogue/errors.ts';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { AssertCallerHolds } from '#src/kernel/ports/owners.ts';
import { jobOfChange, type JobEnqueuer } from '#src/kernel/ports/jobs.ts';
import type { Lock, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { UniverseOrigin } from '../indexes/universes.ts';
import { removeFetchedSeries } from '../refresh/fetch/fetched-series.ts';
import { refreshLockName } from '../refresh/refresh-lock.ts';
import type { SeriesSource } from '../providers/series-sources.ts';
import type { UniverseDocument } from './universe-document.ts';
import { isVersionOf, type UniverseVersion } from './universe-version.ts';
import type { RefreshSchedules } from './schedules/refresh-schedules.ts';
import {
  changesTurn,
  deleteUniverse,
  lockUniverse,
  otherSeries,
  releaseUniverse,
  removeUnusedIndexes,
  removeUnusedSeries,
  takenCodes,
  writeUniverse,
  type StoredUniverse,
} from './universe-rows.ts';

// SQL: the name of a bundled universe is stored in one step, which shows whether it was the first time.

export type UniverseChangesDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly lock: Lock;
  /** Asked right before the commit, because a change can wait for others and delete long series. */
  readonly assertCallerHolds: AssertCallerHolds;
  readonly audit: AuditTrail;
  readonly jobs: JobEnqueuer;
  readonly schedules: Pick<RefreshSchedules, 'set' | 'remove'>;
  readonly clock: Clock;
  readonly maxUniverses: number;
  /** The source that `provider` stands for. */
  readonly providerSource: SeriesSource;
  /** Why a universe of this name cannot use the source; undefined if it can. */
  readonly sourceFault: (source: SeriesSource, name: string) => string | undefined;
  /** Timeout of a statement that deletes series. */
  readonly statementTimeoutMs: number;
  /** Called after the commit. It invalidates the caches. */
  readonly changed: (name: string) => Promise<void>;
};

/** Versions that may be replaced; `none`: the universe must not exist; `any`: it may exist or not. */
export type ExpectedVersion = readonly UniverseVersion[] | '*' | 'none' | 'any';

export type UniverseChanges = {
  /**
   * Creates or replaces a universe. If prices or index values depend on the change, a refresh is enqueued in the same
   * transaction.
   * @throws AppError `precondition_failed`, `universe_managed_by_file`, `refresh_in_progress`, `series_source_conflict`,
   *   or `validation_failed` with a pointer
   */
  readonly put: (
    name: string,
    definition: UniverseDocument,
    options: { readonly origin: UniverseOrigin; readonly expected: ExpectedVersion },
  ) => Promise<{ readonly universe: StoredUniverse; readonly created: boolean }>;
  /**
   * Deletes a universe, its indexes, and the series that no other universe has.
   * @throws AppError `resource_not_found`, `precondition_failed`, `universe_managed_by_file`, `refresh_in_progress`,
   *   or `concurrency_limit_exceeded` while another change runs
   */
  readonly remove: (name: string, expected: readonly UniverseVersion[] | '*') => Promise<void>;
  /** A universe that UNIVERSES_FILE does not have any more can be changed through the API. */
  readonly release: (name: string) => Promise<void>;
};

const refuse = (errors: readonly FieldError[]): void => {
  if (errors.length > 0) throw new AppError('validation_failed', undefined, { errors });
};

const outdated = (detail = 'The version does not match. Read the universe again and use its version'): AppError =>
  new AppError('precondition_failed', detail);

const assertExpected = (stored: StoredUniverse | undefined, expected: ExpectedVersion): void => {
  if (expected === 'any') return;
  if (expected === 'none') {
    if (stored) throw outdated('A universe of this name exists. If-Match replaces it');
  } else if (!stored || (expected !== '*' && !expected.some((version) => isVersionOf(version, stored))))
    throw outdated();
};

/** True if prices or index values depend on the difference. A title does not matter, and the order of members neither. */
const needsRefresh = (before: UniverseDocument | undefined, after: UniverseDocument): boolean => {
  const relevant = ({ source, interval, from, assets, indexes }: UniverseDocument): readonly unknown[] => [
    source,
    interval,
    from,
    assets,
    indexes,
  ];
  return before === undefined || !sameJson(relevant(before), relevant(after));
};

export const createUniverseChanges = (deps: UniverseChangesDeps): UniverseChanges => {
  const {
    unitOfWork,
    lock,
    audit,
    jobs,
    schedules,
    clock,
    maxUniverses,
    providerSource,
    sourceFault,
    assertCallerHolds,
  } = deps;
  const resolved = (source: UniverseDocument['source']): SeriesSource =>
    source === 'provider' ? providerSource : source;

  const transact = <T>(work: (transaction: Transaction) => Promise<T>): Promise<T> =>
    unitOfWork.run({ operation: 'universe.change', statementTimeoutMs: deps.statementTimeoutMs }, work);

  /** Runs `work` while no refresh of the universe runs. */
  const change = async <T>(name: string, work: (transaction: Transaction) => Promise<T>): Promise<T> => {
    const changing = async (transaction: Transaction): Promise<T> => {
      const done = await work(transaction);
      await assertCallerHolds(transaction.query, 'market:manage');
      return done;
    };
    const result = await lock.tryWith(refreshLockName(name), () => transact(changing));
    if (!result) throw new AppError('refresh_in_progress', undefined, { retryAfter: 1 });
    await deps.changed(name);
    return result.value;
  };

  const assertAllowed = async (transaction: Transaction, name: string, definition: UniverseDocument): Promise<void> => {
    const { source, interval, assets, indexes } = definition;
    const own = resolved(source);
    const fault = sourceFault(own, name);
    if (fault !== undefined) refuse([{ pointer: '/source', code: 'invalid_value', detail: fault }]);
    const codes = indexes.map(({ code }) => code);
    const taken = await takenCodes(transaction, name, codes);
    refuse(
      codes.flatMap((code, index) =>
        taken.has(code)
          ? [{ pointer: `/indexes/${index}/code`, code: 'taken', detail: 'Another universe has an index of this code' }]
          : [],
      ),
    );
    const sources = own === providerSource ? [own, 'provider'] : [own];
    const symbols = assets.map(({ symbol }) => symbol);
    const conflicts = await otherSeries(transaction, name, assets, { sources, interval });
    if (conflicts.length === 0) return;
    throw new AppError('series_source_conflict', undefined, {
      errors: conflicts.slice(0, maxShownErrors).map(({ symbol, universe }) => ({
        pointer: `/assets/${symbols.indexOf(symbol)}/symbol`,
        code: 'series_source_conflict',
        detail: `The universe ${universe} has this symbol from another source, with another interval or with another provider_symbol`,
      })),
    });
  };

  const assertFirst = async ({ query }: Transaction, name: string): Promise<void> => {
    const created = await query('insert into universe_bundle values ($1) on conflict do nothing returning name', [
      name,
    ]);
    if (created.length === 0) throw outdated('This universe was created before');
  };

  const assertBelowMax = async ({ query }: Transaction): Promise<void> => {
    const [row] = await query<{ count: number }>('select count(*)::int as count from universe');
    if ((row?.count ?? 0) < maxUniverses) return;
    const detail = `UNIVERSES_MAX allows ${maxUniverses} universes. Delete one first`;
    refuse([{ pointer: '', code: 'too_many', detail }]);
  };

  /**
   * A refresh is followed by a check of the prices, so only one of both is enqueued. The job of an earlier refresh can still run after its record has
   * ended, because it fills the caches, and it knows the former definition.
   */
  const enqueueWork = async (
    transaction: Transaction,
    name: string,
    { isRefreshed, isOtherExchange }: { readonly isRefreshed: boolean; readonly isOtherExchange: boolean },
  ): Promise<void> => {
    if (isRefreshed) {
      const data = { universe: name, trigger: 'change' };
      await jobs.enqueue(transaction, 'refresh', { ...jobOfChange(`change:${name}`), data });
    } else if (isOtherExchange) {
      await jobs.enqueue(transaction, 'quality', { ...jobOfChange(name), data: { universe: name } });
    }
  };

  return {
    put: (name, definition, { origin, expected }) => {
      const put = async (transaction: Transaction) => {
        // The rules between universes are checked by one change at a time.
        await takeOwnerTurn(transaction.query, changesTurn);
        if (origin === 'bundled') await assertFirst(transaction, name);
        const before = await lockUniverse(transaction, name);
        assertExpected(before, expected);
        if (before?.origin === 'file' && origin !== 'file') throw new AppError('universe_managed_by_file');
        if (!before) await assertBelowMax(transaction);
        await assertAllowed(transaction, name, definition);
        const version = (before?.version ?? 0) + 1;
        const universe = await writeUniverse(
          transaction,
          { name, version, origin, definition },
          clock.now().toISOString(),
        );
        // The start creates the bundled ones before it opens the queues, and sets all schedules afterwards.
        if (origin !== 'bundled') await schedules.set(transaction, name, definition);
        // Parts of a fetch can be of another symbol of the provider than the asset has now.
        const isRefreshed = needsRefresh(before?.definition, definition);
        if (isRefreshed) await removeFetchedSeries(transaction, name);
        const indexesRemoved = await removeUnusedIndexes(transaction, name);
        const dropped = before?.definition.assets.map(({ symbol }) => symbol) ?? [];
        const seriesRemoved = await removeUnusedSeries(transaction, dropped);
        const isOtherExchange = before?.definition.exchange !== definition.exchange;
        // The start refreshes the bundled universes itself.
        if (origin !== 'bundled') await enqueueWork(transaction, name, { isRefreshed, isOtherExchange });
        await audit.record(transaction, {
          stream: `universe:${name}`,
          action: before ? 'universe.changed' : 'universe.created',
          outcome: 'success',
          target: name,
          data: {
            version,
            origin,
            source: definition.source,
            assets: definition.assets.length,
            indexes: definition.indexes.length,
            indexes_removed: indexesRemoved,
            series_removed: seriesRemoved,
          },
        });
        return { universe, created: before === undefined };
      };
      // A bundled universe does not exist yet, so no refresh of it runs except one of an earlier version.
      return origin === 'bundled' ? transact(put) : change(name, put);
    },

    // Without the lock of the refresh, because one that runs must not end a start. One that stores its prices holds the row until its commit.
    release: async (name) => {
      await transact((transaction) => releaseUniverse(transaction, name));
      await deps.changed(name);
    },

    remove: (name, expected) =>
      change(name, async (transaction) => {
        // Two deletions at once would each see the symbols of the other, and leave a shared series.
        await takeOwnerTurn(transaction.query, changesTurn);
        const before = await lockUniverse(transaction, name);
        if (!before) throw new AppError('resource_not_found', 'There is no such universe');
        assertExpected(before, expected);
        if (before.origin === 'file') throw new AppError('universe_managed_by_file');
        await deleteUniverse(transaction, name);
        await schedules.remove(transaction, name);
        await removeFetchedSeries(transaction, name);
        const indexesRemoved = await removeUnusedIndexes(transaction, name);
        const symbols = before.definition.assets.map(({ symbol }) => symbol);
        const seriesRemoved = await removeUnusedSeries(transaction, symbols);
        await audit.record(transaction, {
          stream: `universe:${name}`,
          action: 'universe.deleted',
          outcome: 'success',
          target: name,
          data: { version: before.version, indexes_removed: indexesRemoved, series_removed: seriesRemoved },
        });
      }),
  };
};
