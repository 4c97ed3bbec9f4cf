import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { JobEnqueuer, JobHandler, JobSchedule, PutBack } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import { calculatorVersion, definitionDigest } from '../indexes/index-values.ts';
import type { Universe } from '../indexes/universes.ts';
import { eachUniverse } from '../universes/stored-universes.ts';
import type { Universes } from '../universes/universes-port.ts';

export type IndexChecksDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly universes: Universes;
  readonly jobs: JobEnqueuer;
  readonly logger: Logger;
  /** Calculates the indexes of a universe from the stored prices. */
  readonly calculate: (universe: string, signal: AbortSignal) => Promise<PutBack | void>;
};

export type IndexChecks = {
  /** Enqueues a check of all universes. A start calls it, because its version can have another calculator than the one before. */
  readonly enqueue: () => Promise<void>;
  /** Handles a job. With the name of a universe in its data it calculates the indexes of this one, else it checks all universes. */
  readonly handle: JobHandler;
};

const queue = 'index_values';
/** No universe has this name, because names of universes have no dot. */
const allUniverses = 'all.universes';

/** A process of an older version can write values of its calculator after the start of a newer one, so the check is repeated. */
export const indexCheckSchedule: JobSchedule = { queue, key: allUniverses, cron: '41 4 * * *', data: {} };

/** A worker of an older version leaves a job of a newer one for this time. */
const newerVersionSeconds = 60;

/**
 * SQL: finds an index whose values belong to another definition or calculator, and keeps a calculation from its commit until the end of the transaction. One
 * that is locked is calculated at this moment. Parameters: universe, codes, digests.
 */
const findOtherSql = `select 1 from market_index join unnest($2::text[], $3::text[]) as own (code, definition) using (code)
  where universe = $1 and split_part(calculation, ' ', 1) is distinct from definition limit 1 for share of market_index skip locked`;

/** Finds indexes whose values were not calculated by this version from their definition, and has them calculated. */
export const createIndexChecks = ({ unitOfWork, universes, jobs, logger, calculate }: IndexChecksDeps): IndexChecks => {
  const version = String(calculatorVersion);

  // One job of a version waits or runs for each universe, however many processes check it.
  const enqueue = (transaction: Transaction, name: string, universe?: string): Promise<boolean> =>
    jobs.enqueue(transaction, queue, {
      key: `${name}.${version}`,
      data: { calculator: version, ...(universe !== undefined && { universe }) },
    });

  const checkOne = async ({ name, indexes, interval }: Universe, signal: AbortSignal): Promise<void> => {
    const turns = createTurns({ signal });
    const digests: string[] = [];
    for (const definition of indexes) {
      digests.push(definitionDigest(definition, interval));
      await turns.give();
    }
    const codes = indexes.map(({ code }) => code);
    const isEnqueued = await unitOfWork.run({ operation: 'index.calculate' }, async (transaction) => {
      const found = await transaction.query(findOtherSql, [name, codes, digests]);
      return found.length > 0 && enqueue(transaction, name, name);
    });
    if (isEnqueued) {
      logger.info(
        { universe: name },
        'indexes are calculated, because their values are of another definition or version',
      );
    }
  };

  /** @throws the first error of a universe, after the check of the others */
  const check = async (signal: AbortSignal): Promise<void> => {
    const failures: unknown[] = [];
    await eachUniverse(universes, async (universe) => {
      signal.throwIfAborted();
      if (universe.indexes.length === 0) return;
      try {
        await checkOne(universe, signal);
      } catch (error) {
        signal.throwIfAborted();
        // One universe that cannot be checked must not keep the next ones from their checks.
        failures.push(error);
        logger.warn({ universe: universe.name, code: codeOf(error) }, 'the indexes of a universe were not checked');
      }
    });
    if (failures.length > 0) throw failures[0];
  };

  return {
    enqueue: async () => {
      await unitOfWork.run({ operation: 'index.calculate' }, (transaction) => enqueue(transaction, allUniverses));
    },

    handle: async ({ universe, calculator = version }, signal) => {
      // While two versions run, the older one must not write its values in place of those of the newer one.
      if (Number(calculator) > calculatorVersion) return { putBackSeconds: newerVersionSeconds, rests: true };
      if (Number(calculator) < calculatorVersion) return undefined;
      return universe === undefined ? check(signal) : calculate(universe, signal);
    },
  };
};
