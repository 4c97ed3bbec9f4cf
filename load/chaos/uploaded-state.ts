import { Client } from 'pg';

/** The universe of the probes `upload` and `universe`. */
export const uploadedUniverse = 'uploaded';
const uploadedSymbols = ['UPLOADED_A', 'UPLOADED_B'] as const;
const days = 6;
const baseValue = 1_000;

/** Prices grow by the generation each day, so every bar and every index value shows its generation. */
const closeOf = (day: number, generation: number): number => 100 + day * generation;
const dateOf = (day: number): string => `2024-01-${String(day + 1).padStart(2, '0')}`;

export const fileOf = (generation: number): string => {
  const rows = Array.from({ length: days }, (_, day) =>
    uploadedSymbols.map((symbol) => `${symbol},${dateOf(day)},${closeOf(day, generation)}`),
  );
  return ['symbol,date,close', ...rows.flat(), ''].join('\n');
};

/** A definition for each number. Odd ones have a second index and a schedule. */
export const definitionOf = (number: number): object => {
  const constituents = uploadedSymbols.map((symbol) => ({ symbol }));
  const index = { code: 'UPLOADED_PW', name: 'Uploaded', method: 'price_weighted', constituents };
  const isOdd = number % 2 === 1;
  return {
    source: 'upload',
    interval: '1day',
    title: String(number),
    schedule: isOdd ? { cron: '0 0 1 * *', time_zone: 'Asia/Tokyo' } : null,
    assets: constituents,
    indexes: isOdd ? [index, { ...index, code: 'UPLOADED_EW', method: 'equal_weighted' }] : [index],
  };
};

type Snapshot = {
  readonly definition: { readonly indexes: { readonly code: string }[]; readonly schedule: { cron: string } | null };
  readonly codes: string[];
  readonly schedules: string[];
  readonly closes: number[];
  readonly values: number[];
};

/** One statement, so that all of it is of one instant. */
const statement = `
  select definition,
    array(select code from universe_index where universe = name order by code) as codes,
    array(select cron from pgboss.schedule where schedule.name = 'refresh' and key = universe.name) as schedules,
    array(select close from price join asset on asset.id = asset_id where symbol like 'UPLOADED_%' order by date, symbol) as closes,
    array(select value from index_value join market_index on market_index.id = index_id
          where code = 'UPLOADED_PW' order by date) as values
  from universe where name = $1`;

/** Describes the first difference; undefined if there is none. */
export const uploadedFault = ({ definition, codes, schedules, closes, values }: Snapshot): string | undefined => {
  const defined = definition.indexes.map(({ code }) => code).sort();
  if (String(defined) !== String(codes)) return `indexes ${String(codes)} of a definition with ${String(defined)}`;
  const cron = definition.schedule ? [definition.schedule.cron] : [];
  if (String(cron) !== String(schedules)) return `schedules ${String(schedules)} of a definition with ${String(cron)}`;
  if (closes.length === 0) return values.length === 0 ? undefined : 'index values without prices';
  const generation = (closes.at(-1)! - 100) / (days - 1);
  const expected = Array.from({ length: days }, (_, day) => closeOf(day, generation));
  if (String(closes) !== String(expected.flatMap((close) => [close, close]))) return `prices ${String(closes)}`;
  const isWrong = (value: number, day: number): boolean =>
    Math.abs(value - (baseValue * expected[day]!) / expected[0]!) > 1e-6;
  return values.length !== days || values.some(isWrong) ? `index values ${String(values)}` : undefined;
};

/**
 * Checks that prices and index values of the uploaded universe belong to one file, and that its indexes and its schedule
 * are those of its definition.
 * @throws Error with the first difference
 */
export const assertUploadedState = async (databaseUrl: string): Promise<void> => {
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<Snapshot>(statement, [uploadedUniverse]);
    const fault = rows[0] && uploadedFault(rows[0]);
    if (fault !== undefined) throw new Error(fault);
  } finally {
    await client.end();
  }
};
