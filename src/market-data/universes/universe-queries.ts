import type { PageRequest } from '#src/kernel/lists/pages.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { UniverseOrigin, UniverseSource } from '../indexes/universes.ts';
import type { Interval } from '../series/periods.ts';
import { instant } from '../sql.ts';
import { universeColumns, type StoredUniverse } from './universe-rows.ts';

/** A universe in a list, with the numbers of its assets and indexes. */
type UniverseSummary = Omit<StoredUniverse, 'definition'> & {
  readonly origin: UniverseOrigin;
  readonly title: string;
  readonly source: UniverseSource;
  readonly interval: Interval;
  readonly assets: number;
  readonly indexes: number;
};

export type UniverseQueries = {
  /** Sorted by name. */
  readonly list: (page: PageRequest) => Promise<UniverseSummary[]>;
  readonly one: (name: string) => Promise<StoredUniverse | undefined>;
};

/** Reads of universes. The reader must be the primary, because a caller reads the version for its next change. */
export const createUniverseQueries = ({ query }: Reader): UniverseQueries => ({
  list: ({ after, limit }) =>
    query<UniverseSummary>(
      `select name, version, origin, ${instant('created_at')}, ${instant('updated_at')}, definition ->> 'title' as title,
         source, interval,
         (select count(*)::int from universe_asset where universe = universe.name) as assets,
         (select count(*)::int from universe_index where universe = universe.name) as indexes
       from universe where name > coalesce($1, '') order by name limit $2`,
      [after, limit],
    ),
  one: async (name) =>
    (await query<StoredUniverse>(`select ${universeColumns} from universe where name = $1`, [name]))[0],
});
