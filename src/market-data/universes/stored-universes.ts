import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { nearestName, quoted } from '#src/kernel/requests/nearest-name.ts';
import { toUniverse } from './universe-document.ts';
import { universeColumns, type StoredUniverse } from './universe-rows.ts';
import type { Universes } from './universes-port.ts';

export type StoredUniversesDeps = {
  /** Must read from the primary, because a refresh must see the last change. */
  readonly reader: Reader;
  readonly clock: Clock;
};

/** How long the universe of an asset or index is known without asking again. */
const knownMs = 5_000;
/** Callers choose the names that are looked up, so the number of known names is limited. */
const maxKnown = 20_000;

type Known = { readonly universe: string | undefined; readonly at: number };

/**
 * Looks a name up, and keeps the answer for `knownMs`. If the database fails, an older answer is used, because reads
 * from the cache must work without the database.
 */
const createLookup = (
  { clock }: Pick<StoredUniversesDeps, 'clock'>,
  find: (name: string) => Promise<string | undefined>,
) => {
  const known = new Map<string, Known>();
  const keep = (name: string, universe: string | undefined): void => {
    known.delete(name);
    known.set(name, { universe, at: clock.monotonic() });
    if (known.size > maxKnown) known.delete(known.keys().next().value!);
  };
  return async (name: string): Promise<string | undefined> => {
    const last = known.get(name);
    if (last && clock.monotonic() - last.at < knownMs) return last.universe;
    try {
      const universe = await find(name);
      keep(name, universe);
      return universe;
    } catch (error) {
      if (!last) throw error;
      keep(name, last.universe);
      return last.universe;
    }
  };
};

/** The universes in the database. */
export const createStoredUniverses = ({ reader, clock }: StoredUniversesDeps): Universes => {
  const { query } = reader;
  const names = async (): Promise<string[]> =>
    (await query<{ name: string }>('select name from universe order by name')).map(({ name }) => name);
  const find = (table: 'universe_asset' | 'universe_index', column: 'symbol' | 'code') =>
    createLookup({ clock }, async (name) => {
      const statement = `select min(universe) as universe from ${table} where ${column} = $1`;
      const [row] = await query<{ universe: string | null }>(statement, [name]);
      return row?.universe ?? undefined;
    });

  return {
    names,
    named: async (name) => {
      const [row] = await query<StoredUniverse>(`select ${universeColumns} from universe where name = $1`, [name]);
      if (row) return toUniverse(row.name, row.version, row.definition);
      const known = await names();
      const near = nearestName(name, known);
      const detail =
        near === undefined
          ? `Must be one of: ${known.join(', ')}`
          : `There is no universe ${quoted(name)}; did you mean ${near}?`;
      throw new AppError('validation_failed', undefined, {
        errors: [{ pointer: '/universe', code: 'invalid_value', detail }],
      });
    },
    ofAsset: find('universe_asset', 'symbol'),
    ofIndex: find('universe_index', 'code'),
    sharing: async (name) =>
      (
        await query<{ universe: string }>(
          `select distinct other.universe from universe_asset as own join universe_asset as other using (symbol)
           where own.universe = $1 and other.universe <> $1`,
          [name],
        )
      ).map(({ universe }) => universe),
    hold: async (transaction, { name, version }) => {
      const [row] = await transaction.query<{ version: number }>(
        'select version from universe where name = $1 for share',
        [name],
      );
      if (row?.version !== version) {
        throw new AppError('refresh_in_progress', 'The universe was changed while this refresh ran', { retryAfter: 1 });
      }
      const shared = await transaction.query<{ symbol: string }>(
        `select own.symbol from universe_asset as own
         where own.universe = $1 and exists (
           select 1 from universe_asset as other where other.symbol = own.symbol and other.universe <> $1
         )`,
        [name],
      );
      return new Set(shared.map(({ symbol }) => symbol));
    },
  };
};

/** Reads each universe. One that cannot be read is skipped if it was deleted meanwhile. */
export const eachUniverse = async (
  universes: Universes,
  work: (universe: Awaited<ReturnType<Universes['named']>>) => Promise<void>,
): Promise<void> => {
  for (const name of await universes.names()) {
    const universe = await universes.named(name).catch((error: unknown) => {
      if (codeOf(error) === 'validation_failed') return undefined;
      throw error;
    });
    if (universe) await work(universe);
  }
};
