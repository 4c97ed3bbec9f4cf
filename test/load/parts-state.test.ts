import test from 'ava';
import { partsBars, partsFault, partsSymbols, secondPart } from '#load/chaos/parts-state.ts';

type Snapshot = Parameters<typeof partsFault>[0];

/** The state with a generation for each symbol. */
const stateOf = (generationOf: (symbol: string) => number): Snapshot => {
  const series = partsSymbols.map((symbol) => partsBars(symbol, generationOf(symbol)).map(({ close }) => close));
  const sums = series[0]!.map((_, day) => series.reduce((sum, closes) => sum + closes[day]!, 0));
  return { series, values: sums.map((sum) => (1_000 * sum) / sums[0]!) };
};
const nothing: Snapshot = { series: partsSymbols.map(() => []), values: [] };

test('states of whole series with their index are accepted', (t) => {
  t.is(partsFault(nothing), undefined, 'before the first refresh');
  t.is(partsFault(stateOf(() => 3)), undefined);
  t.is(partsFault(stateOf((symbol) => (secondPart.includes(symbol) ? 4 : 3))), undefined, 'parts of two times');
});

test('planted faults are found', (t) => {
  const [one, other] = [stateOf(() => 1), stateOf(() => 40)];
  const withFirst = (closes: readonly number[]): Snapshot => ({ ...one, series: [closes, ...one.series.slice(1)] });
  t.regex(partsFault(withFirst([]))!, /^0 prices /, 'one part only');
  t.regex(partsFault(withFirst(one.series[0]!.slice(1)))!, /^23 prices /);
  t.regex(
    partsFault(withFirst([...one.series[0]!.slice(0, 9), ...other.series[0]!.slice(9)]))!,
    /not of generation/,
    'a series of two generations',
  );
  t.regex(partsFault({ ...one, values: other.values })!, /^the index on day/);
  t.regex(partsFault({ ...one, values: one.values.slice(1) })!, /^23 index values/);
  t.regex(partsFault({ ...nothing, values: one.values })!, /^index values without prices/);
});
