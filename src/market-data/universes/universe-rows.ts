import { LockMode, type InferEntity } from '@mikro-orm/core';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { UniverseEntity } from '../entities.ts';
import { markOutdated } from '../indexes/index-values.ts';
import type { UniverseOrigin } from '../indexes/universes.ts';
import { instant } from '../sql.ts';
import { documentOf, storedFormOf } from './stored-definition.ts';
import type { UniverseDocument } from './universe-document.ts';

// SQL: symbols, codes, and the series and indexes that nobody uses, are sets of up to thousands of rows.

type Query = Pick<Transaction, 'query'>;
type Managed = Pick<Transaction, 'em'>;

/** A universe as it is stored. */
export type StoredUniverse = {
  readonly name: string;
  readonly version: number;
  readonly origin: UniverseOrigin;
  readonly definition: UniverseDocument;
  readonly created_at: string;
  readonly updated_at: string;
};

/** Changes of universes take turns under this name. */
export const changesTurn = 'universes';

/** SQL of the definition: the rule of `StoredDefinition`. */
export const definitionSql = `('{"exchange": null}'::jsonb || case definition -> 'schedule'
  when 'null' then definition - 'schedule' when '"none"' then definition || '{"schedule": null}' else definition end)`;
export const definitionColumn = `${definitionSql} as definition`;

export const universeColumns = `name, version, origin, ${definitionColumn}, ${instant('created_at')}, ${instant('updated_at')}`;

type Universe = InferEntity<typeof UniverseEntity>;

const lockMode = LockMode.PESSIMISTIC_WRITE;

/** The managed universe, locked until the end of the transaction. */
const findLocked = ({ em }: Managed, name: string): Promise<Universe | null> =>
  em.findOne(UniverseEntity, { name }, { lockMode });

const storedOf = ({ name, version, origin, definition, createdAt, updatedAt }: Universe): StoredUniverse => ({
  name,
  version,
  origin,
  definition: documentOf(definition),
  created_at: createdAt.toISOString(),
  updated_at: updatedAt.toISOString(),
});

/** The universe as it is stored. Its row is locked until the end of the transaction. */
export const lockUniverse = async (transaction: Managed, name: string): Promise<StoredUniverse | undefined> => {
  const found = await findLocked(transaction, name);
  return found ? storedOf(found) : undefined;
};

/** A universe of UNIVERSES_FILE becomes one of the API. */
export const releaseUniverse = async (transaction: Managed, name: string): Promise<void> => {
  const found = await findLocked(transaction, name);
  if (found?.origin === 'file') found.origin = 'api';
};

/** Deletes a universe that the transaction has locked. The database deletes its assets and indexes, which are sets. */
export const deleteUniverse = async ({ em }: Managed, name: string): Promise<void> => {
  await em.remove(await em.findOneOrFail(UniverseEntity, { name })).flush();
};

/** Creates a universe or replaces one that the transaction has locked, and the sets of its symbols and codes. */
export const writeUniverse = async (
  { em, query }: Pick<Transaction, 'em' | 'query'>,
  universe: Pick<StoredUniverse, 'name' | 'version' | 'origin' | 'definition'>,
  at: string,
): Promise<StoredUniverse> => {
  const { name, version, origin, definition } = universe;
  const { assets, indexes, source, interval } = definition;
  const updatedAt = new Date(at);
  const values = { version, origin, source, interval, definition: storedFormOf(definition), updatedAt };
  const known = await em.findOne(UniverseEntity, { name });
  const written = known
    ? em.assign(known, values)
    : em.create(UniverseEntity, { name, createdAt: updatedAt, ...values });
  // The sets refer to the row.
  await em.flush();
  const symbols = assets.map(({ symbol }) => symbol);
  const codes = indexes.map(({ code }) => code);
  await query('delete from universe_asset where universe = $1 and symbol <> all($2::text[])', [name, symbols]);
  await query(
    `insert into universe_asset as own (universe, symbol, provider_symbol)
     select $1, * from unnest($2::text[], $3::text[])
     on conflict (universe, symbol) do update set provider_symbol = excluded.provider_symbol
       where own.provider_symbol is distinct from excluded.provider_symbol`,
    [name, symbols, assets.map(({ provider_symbol: providerSymbol = null }) => providerSymbol)],
  );
  await query('delete from universe_index where universe = $1 and code <> all($2::text[])', [name, codes]);
  await query('insert into universe_index select *, $1 from unnest($2::text[]) on conflict do nothing', [name, codes]);
  return storedOf(written);
};

/** Codes of the list that another universe has. */
export const takenCodes = async ({ query }: Query, name: string, codes: readonly string[]): Promise<Set<string>> => {
  const rows = await query<{ code: string }>(
    'select code from universe_index where universe <> $1 and code = any($2::text[])',
    [name, codes],
  );
  return new Set(rows.map(({ code }) => code));
};

export type OtherSeries = { readonly symbol: string; readonly universe: string };

/** Symbols of the list that another universe has from another source, with another interval, or with another symbol of the provider. */
export const otherSeries = async (
  { query }: Query,
  name: string,
  assets: UniverseDocument['assets'],
  { sources, interval }: { readonly sources: readonly string[]; readonly interval: string },
): Promise<OtherSeries[]> =>
  query<OtherSeries>(
    `select other.symbol, min(other.universe) as universe
     from unnest($2::text[], $3::text[]) as own (symbol, provider_symbol)
       join universe_asset as other using (symbol) join universe on universe.name = other.universe
     where other.universe <> $1 and (source <> all($4::text[]) or interval <> $5
       or coalesce(other.provider_symbol, other.symbol) <> own.provider_symbol)
     group by other.symbol`,
    [
      name,
      assets.map(({ symbol }) => symbol),
      assets.map(({ symbol, provider_symbol: providerSymbol = symbol }) => providerSymbol),
      sources,
      interval,
    ],
  );

/** Deletes the indexes of the universe that are not in its definition, with their values. */
export const removeUnusedIndexes = async ({ query }: Query, name: string): Promise<number> => {
  const unused = await query<{ id: number }>(
    'select id from market_index where universe = $1 and code not in (select code from universe_index where universe = $1)',
    [name],
  );
  const ids = unused.map(({ id }) => id);
  if (ids.length === 0) return 0;
  for (const table of ['index_value', 'index_checkpoint', 'index_divisor', 'index_constituent']) {
    await query(`delete from ${table} where index_id = any($1::int[])`, [ids]);
  }
  await query('delete from market_index where id = any($1::int[])', [ids]);
  return ids.length;
};

/**
 * Deletes the series of those symbols that no universe has any more. The next refresh calculates the indexes that had them as
 * constituents. Their changed definition is no sufficient sign, because a later change can bring the former one back before that refresh.
 */
export const removeUnusedSeries = async ({ query }: Query, symbols: readonly string[]): Promise<number> => {
  const unused = await query<{ id: number }>(
    `select id from asset where symbol = any($1::text[])
       and not exists (select 1 from universe_asset where universe_asset.symbol = asset.symbol)`,
    [symbols],
  );
  const ids = unused.map(({ id }) => id);
  if (ids.length === 0) return 0;
  await markOutdated({ query }, ids);
  await query('delete from index_constituent where asset_id = any($1::int[])', [ids]);
  await query('delete from price_quarantine where asset_id = any($1::int[])', [ids]);
  await query('delete from corporate_actions where asset_id = any($1::int[])', [ids]);
  await query('delete from price where asset_id = any($1::int[])', [ids]);
  await query('delete from asset where id = any($1::int[])', [ids]);
  return ids.length;
};
