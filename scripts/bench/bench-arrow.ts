/**
 * Compares our reader with the apache-arrow library on Arrow batches of 100,000 rows: `npm run bench:arrow`. The
 * library only opens the stream and copies the numbers. The two readers run alternately, and the figures are medians.
 */
import { tableFromIPC, type Vector } from 'apache-arrow';
import { readColumnsArrow } from '#testkit/arrow/read-columns.ts';
import { arrowStream } from '#testkit/arrow/arrow-support.ts';
import { median } from '#testkit/measures/statistics.ts';
import { batchLoads } from './http/bodies.ts';

const rows = 100_000;
const rounds = Number(process.env['ROUNDS'] ?? 31);
const warmUpRounds = 5;

const readByLibrary = (bytes: Uint8Array): void => {
  const table = tableFromIPC(bytes);
  for (const { name } of table.schema.fields) {
    const vector = table.getChild(name) as Vector;
    if (name === 'option_type' || name === 'symbol') for (let row = 0; row < rows; row++) vector.get(row);
    else Float64Array.from(vector.toArray() as Float64Array);
  }
};
const readByUs = (bytes: Uint8Array): void => {
  for (const column of readColumnsArrow(bytes).table.columns.values()) {
    if (column.numbers === undefined) for (let row = 0; row < rows; row++) column.at(row);
  }
};

const numbers = Array.from({ length: rows }, (_, row) => 50 + (row % 200) / 2);
const texts = {
  option_type: numbers.map((_, row) => (row % 2 === 0 ? 'call' : 'put')),
  symbol: numbers.map((_, row) => `S${row}`),
};
const streams: Readonly<Record<string, Uint8Array>> = {
  'six float64 columns, a dictionary': Uint8Array.from(batchLoads(rows).arrow.body),
  'two float64 columns, two of utf8': arrowStream({ spot: numbers, strike: numbers, ...texts }),
};

const millisecondsOf = (read: (bytes: Uint8Array) => void, bytes: Uint8Array): number => {
  const begun = performance.now();
  read(bytes);
  return performance.now() - begun;
};

console.log('| stream | library, ms | our reader, ms |\n| --- | --- | --- |');
for (const [name, bytes] of Object.entries(streams)) {
  const times: [library: number, own: number][] = [];
  for (let round = 0; round < rounds + warmUpRounds; round++) {
    times.push([millisecondsOf(readByLibrary, bytes), millisecondsOf(readByUs, bytes)]);
  }
  const measured = times.slice(warmUpRounds);
  const [library, own] = [median(measured.map(([each]) => each)), median(measured.map(([, each]) => each))];
  console.log(`| ${name} | ${library.toFixed(1)} | ${own.toFixed(1)} |`);
}
