/**
 * Compares this checkout with another one: `npm run bench:beside -- DIRECTORY [load ...]`. The other directory is a checkout
 * of this repository with its dependencies installed. `--this=DIRECTORY` takes another checkout in place of this one, to
 * compare two older commits. Both services run in production mode, export their telemetry, and
 * get the same bodies in turn on 16 connections. The ratio is the median of the rounds, this checkout over the other.
 */
import { resolve } from 'node:path';
import { median } from '#testkit/measures/statistics.ts';
import { withScope } from '../verify/scope.ts';
import { batchLoads, priceLoad, type Load } from './http/bodies.ts';
import { drive, latencyOf, warmUp, type Rate, type Target } from './http/drive.ts';
import { createProduction } from './http/production.ts';

const rounds = Number(process.env['ROUNDS'] ?? 7);
const seconds = Number(process.env['SECONDS_EACH'] ?? 1.5);
const connections = Number(process.env['CONNECTIONS'] ?? 16);

const loads: Readonly<Record<string, () => Load>> = {
  price: () => priceLoad,
  'objects-100': () => batchLoads(100).objects,
  'objects-1000': () => batchLoads(1_000).objects,
  'columns-1000': () => batchLoads(1_000).columns,
  'arrow-1000': () => batchLoads(1_000).arrow,
  'columns-10000': () => batchLoads(10_000).columns,
};
const thisFlag = '--this=';
const sides = ['other', 'this'] as const;
type Side = (typeof sides)[number];

const compare = async (
  targets: Readonly<Record<Side, Target>>,
  load: Load,
): Promise<Readonly<Record<Side, Rate[]>>> => {
  const rates: Record<Side, Rate[]> = { other: [], this: [] };
  for (const side of sides) await warmUp(targets[side], load, seconds, connections);
  for (let round = 0; round < rounds; round += 1) {
    // The order changes with each round, because the first of a pair has rested longer.
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      const rate = await drive(targets[side], load, seconds, connections);
      rates[side].push(rate);
    }
  }
  return rates;
};

const show = (name: string, rates: Readonly<Record<Side, readonly Rate[]>>): void => {
  const of = (side: Side, by: 'perSecond' | 'perProcessorSecond'): string =>
    median(rates[side].map((rate) => rate[by])).toFixed(0);
  const ratio = (by: 'perSecond' | 'perProcessorSecond'): string =>
    median(rates.this.map((rate, round) => rate[by] / rates.other[round]![by])).toFixed(2);
  const latency = (side: Side): string => {
    const { p50, p95, p99, max } = latencyOf(rates[side].flatMap(({ times }) => times));
    return [p50, p95, p99, max].map((value) => value.toFixed(1)).join(' / ');
  };
  const both = (by: 'perSecond' | 'perProcessorSecond'): string => `${of('this', by)} and ${of('other', by)}`;
  const columns = [
    name,
    both('perSecond'),
    ratio('perSecond'),
    both('perProcessorSecond'),
    ratio('perProcessorSecond'),
  ];
  console.log(`| ${[...columns, latency('this'), latency('other')].join(' | ')} |`);
};

await withScope(async (scope) => {
  const words = process.argv.slice(2);
  const own = words.find((word) => word.startsWith(thisFlag))?.slice(thisFlag.length);
  const [directory, ...names] = words.filter((word) => !word.startsWith(thisFlag));
  const unknown = names.filter((name) => !Object.hasOwn(loads, name));
  if (directory === undefined || unknown.length > 0) {
    console.error(`Usage: npm run bench:beside -- DIRECTORY [${thisFlag}DIRECTORY] [${Object.keys(loads).join(' ')}]`);
    return false;
  }
  const start = await createProduction(scope);
  const targets = {
    other: await start('other', { directory: resolve(directory) }),
    this: await start('this', own === undefined ? {} : { directory: resolve(own) }),
  };
  console.log(`Node ${process.version}, ${rounds} rounds of ${seconds} s, ${connections} connections\n`);
  console.log(
    '| load | requests/s: this and other | ratio | for a second of processor | ratio | p50 / p95 / p99 / max in ms: this | other |',
  );
  console.log('| --- | --- | ---: | --- | ---: | --- | --- |');
  for (const name of names.length > 0 ? names : Object.keys(loads)) {
    show(name, await compare(targets, loads[name]!()));
  }
  return true;
});
