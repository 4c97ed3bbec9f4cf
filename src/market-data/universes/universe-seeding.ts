import { sameJson } from '#src/kernel/json/same-json.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { bundledUniverses, universeOrigins } from '../indexes/universes.ts';
import type { UniverseChanges } from './universe-changes.ts';
import { definitionColumn } from './universe-rows.ts';
import { toDocument, type UniverseDocument } from './universe-document.ts';

export type UniverseSeedingDeps = {
  readonly changes: UniverseChanges;
  readonly reader: Reader;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /**
   * Reads UNIVERSES_FILE. Undefined if the variable is not set.
   * @throws StartError
   */
  readonly readFile: (() => Promise<ReadonlyMap<string, UniverseDocument>>) | undefined;
};

export type UniverseSeeding = {
  /** Creates the bundled universes that were never created. One that was deleted is not created again. */
  readonly createBundled: () => Promise<void>;
  /**
   * Applies UNIVERSES_FILE, each universe in a transaction of its own. A universe that cannot be applied is logged and
   * stays as it is. One that is not in the file any more stays too, and can be changed through the API.
   */
  readonly applyFile: () => Promise<void>;
  /** Sets the number of universes of each origin. */
  readonly collect: () => Promise<void>;
};

const bundledTitles: Readonly<Record<string, string>> = { tech5: 'Five technology companies', sp500: 'S&P 500' };

export const createUniverseSeeding = (deps: UniverseSeedingDeps): UniverseSeeding => {
  const { changes, reader, metrics, logger, readFile } = deps;

  const definitions = async (): Promise<ReadonlyMap<string, { origin: string; definition: unknown }>> => {
    const rows = await reader.query<{ name: string; origin: string; definition: unknown }>(
      `select name, origin, ${definitionColumn} from universe`,
    );
    return new Map(rows.map(({ name, ...row }) => [name, row]));
  };

  const apply = async (name: string, definition: UniverseDocument): Promise<void> => {
    try {
      const { universe } = await changes.put(name, definition, { origin: 'file', expected: 'any' });
      logger.info({ universe: name, version: universe.version }, 'a universe of UNIVERSES_FILE was applied');
    } catch (error) {
      if (error instanceof AppError && error.definition.category === 'database') throw error;
      const errors = error instanceof AppError ? error.errors : undefined;
      logger.error(
        { universe: name, code: codeOf(error), errors, err: error },
        'a universe of UNIVERSES_FILE was not applied: see docs/market-data.md#universes-in-a-file',
      );
    }
  };

  return {
    createBundled: async () => {
      const rows = await reader.query<{ name: string }>('select name from universe_bundle');
      const known = new Set(rows.map(({ name }) => name));
      for (const universe of bundledUniverses.filter(({ name }) => !known.has(name))) {
        const definition = toDocument(bundledTitles[universe.name] ?? '', universe);
        try {
          await changes.put(universe.name, definition, { origin: 'bundled', expected: 'none' });
        } catch (error) {
          const code = codeOf(error);
          // Another process changes universes. The start repeats this step after an error of category database.
          if (code === 'concurrency_limit_exceeded')
            throw new AppError('database_conflict', undefined, { cause: error });
          // Another process has created it, the name is in use, or a code of its indexes.
          if (!['precondition_failed', 'validation_failed', 'series_source_conflict'].includes(code)) throw error;
          logger.info({ universe: universe.name, code }, 'a bundled universe was not created');
        }
      }
    },

    applyFile: async () => {
      if (!readFile) return;
      const wanted = await readFile();
      const stored = await definitions();
      for (const [name, definition] of wanted) {
        const before = stored.get(name);
        const same = before?.origin === 'file' && sameJson(before.definition, definition);
        if (!same) await apply(name, definition);
      }
      for (const [name, { origin }] of stored) {
        if (origin === 'file' && !wanted.has(name)) await changes.release(name);
      }
    },

    collect: async () => {
      const rows = await reader.query<{ origin: (typeof universeOrigins)[number]; count: number }>(
        'select origin, count(*)::int as count from universe group by origin',
      );
      const counts = new Map(rows.map(({ origin, count }) => [origin, count]));
      for (const origin of universeOrigins) metrics.set('volwatch_universes', { origin }, counts.get(origin) ?? 0);
    },
  };
};
