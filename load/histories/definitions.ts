import type { Client } from 'pg';
import { universeSchema, type UniverseDocument } from '#src/market-data/universes/universe-document.ts';
import { symbols } from '../chaos/generations.ts';

/** The universe of all histories. */
export const historyUniverse = 'tech5';

const extraBase = 100;
const constituents = symbols.map((symbol) => ({ symbol }));
const index = { code: 'TECH5_PW', name: 'Price-weighted', method: 'price_weighted', constituents };
const extra = { ...index, code: 'TECH5_EXTRA', base_value: extraBase };
const schema = universeSchema({ maxAssets: 10, maxIndexes: 10 });

/** The title shows the generation. Odd generations have a second index. */
export const definitionOf = (generation: number): UniverseDocument =>
  schema.parse({
    title: String(generation),
    source: 'upload',
    interval: '1month',
    from: '2000-01-01',
    schedule: null,
    assets: constituents,
    indexes: generation % 2 === 1 ? [index, extra] : [index],
  });

export type DefinitionSnapshot = {
  readonly title: string;
  readonly version: number;
  /** Codes of the definition, of the table of codes, and of indexes that are stored. */
  readonly defined: readonly string[];
  readonly codes: readonly string[];
  readonly stored: readonly string[];
  /** Audit events of changes of the universe. */
  readonly events: number;
  readonly values: readonly number[];
  readonly extraValues: readonly number[];
};

/**
 * Describes the first part that does not belong to the definition; undefined if there is none. An index without values is no
 * fault, because the refresh that follows a change calculates them.
 */
export const definitionFault = (snapshot: DefinitionSnapshot): string | undefined => {
  const { title, version, defined, codes, stored, events, values, extraValues } = snapshot;
  const expected = definitionOf(Number(title))
    .indexes.map(({ code }) => code)
    .toSorted();
  if (String(defined) !== String(expected)) return `indexes ${String(defined)} in definition ${title}`;
  if (String(codes) !== String(expected)) return `codes ${String(codes)} with definition ${title}`;
  const unknown = stored.find((code) => !expected.includes(code));
  if (unknown !== undefined) return `index ${unknown} is stored with definition ${title}`;
  if (events !== version) return `${events} audit events with version ${version}`;
  if (extraValues.length === 0) return undefined;
  if (extraValues.length !== values.length)
    return `${extraValues.length} values of one index, ${values.length} of the other`;
  const wrong = extraValues.findIndex((value, day) => Math.abs(value / values[day]! - extraBase / 1_000) > 1e-9);
  return wrong === -1 ? undefined : `values of two refreshes on day ${wrong}`;
};

/** One statement, so that all of it is of one instant. */
const statement = `
  select definition ->> 'title' as title, version,
    array(select value ->> 'code' from jsonb_array_elements(definition -> 'indexes') order by 1) as defined,
    array(select code from universe_index where universe = name order by code) as codes,
    array(select code from market_index where market_index.universe = universe.name order by code) as stored,
    (select count(*)::int from audit_event where stream = 'universe:' || name) as events,
    array(select value from index_value join market_index on id = index_id where code = 'TECH5_PW' order by date) as values,
    array(select value from index_value join market_index on id = index_id where code = 'TECH5_EXTRA' order by date) as "extraValues"
  from universe where name = $1`;

/**
 * The generation of the stored definition.
 * @throws Error with the first part that does not belong to it
 */
export const readDefinition = async (client: Client): Promise<number> => {
  const { rows } = await client.query<DefinitionSnapshot>(statement, [historyUniverse]);
  const [snapshot] = rows;
  if (!snapshot) throw new Error('the universe is missing');
  const fault = definitionFault(snapshot);
  if (fault !== undefined) throw new Error(fault);
  return Number(snapshot.title);
};
