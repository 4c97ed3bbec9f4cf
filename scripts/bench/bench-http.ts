/**
 * Compares pricing over HTTP, by a service in production mode that exports its telemetry, with two servers that only parse, price and write, one of Node alone and one of Koa with a
 * body parser and a router: `npm run bench:http`. The servers get the same bodies alternately, so that a change of the
 * machine's speed affects all of them. The rates are medians of the rounds; the latencies are those of all rounds, and beside
 * them those of the round with the lowest p99, because a neighbour on the host makes an answer later and never earlier.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '#testkit/measures/statistics.ts';
import { createScope } from '#testkit/scope.ts';
import { batchLoads, priceLoad, type Load } from './http/bodies.ts';
import { drive, latencyOf, memoryOf, warmUp, whileProbed, type Rate, type Target } from './http/drive.ts';
import { createProduction, startProgram } from './http/production.ts';

const rounds = Number(process.env['ROUNDS'] ?? 5);
/** Connections of each load; unset: 16, or fewer for 1,000 rows and more. */
const fixedConnections = process.env['CONNECTIONS'];
const seconds = Number(process.env['SECONDS_EACH'] ?? 1.5);
const sizes = (process.env['SIZES'] ?? '1,100,1000,10000,100000').split(',').map(Number);

const cells = (values: readonly string[]): void => console.log(`| ${values.join(' | ')} |`);
const round = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
const thousands = (value: number): string => `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)} k`;

const connectionsOf = (rows: number): number =>
  Number(fixedConnections ?? (rows >= 10_000 ? 2 : rows >= 1000 ? 4 : 16));

const scope = createScope();
const service = await (await createProduction(scope))('bench');
const bare = await startProgram(scope, new URL('http/bare-server.ts', import.meta.url));
const koa = await startProgram(scope, new URL('http/koa-server.ts', import.meta.url));

const compare = async (
  candidates: Readonly<Record<string, readonly [Target, Load]>>,
): Promise<Record<string, Rate>> => {
  const rates = new Map<string, Rate[]>(Object.keys(candidates).map((name) => [name, []]));
  for (const [target, load] of Object.values(candidates)) {
    await warmUp(target, load, seconds, connectionsOf(load.rows));
  }
  for (let turn = 0; turn < rounds; turn += 1) {
    for (const [name, [target, load]] of Object.entries(candidates)) {
      rates.get(name)?.push(await drive(target, load, seconds, connectionsOf(load.rows)));
    }
  }
  return Object.fromEntries(
    [...rates].map(([name, values]) => [
      name,
      {
        perSecond: median(values.map(({ perSecond }) => perSecond)),
        perProcessorSecond: median(values.map(({ perProcessorSecond }) => perProcessorSecond)),
        times: values.flatMap(({ times }) => times),
        calmest: values.map(({ calmest }) => calmest).toSorted((one, other) => one.p99 - other.p99)[0]!,
      },
    ]),
  );
};

const throughput = async (): Promise<void> => {
  const header = ['rows', 'bare objects', 'Koa objects', 'objects', 'bare columns', 'columns', 'Arrow'];
  const ratios = ['objects/bare', 'objects/Koa', 'columns/objects', 'Arrow/objects'];
  const single = await compare({ bare: [bare, priceLoad], koa: [koa, priceLoad], price: [service, priceLoad] });
  const latencies: string[][] = [];
  const addLatencies = (rows: number, rates: Readonly<Record<string, Rate>>): void => {
    for (const [name, { perSecond, times, calmest }] of Object.entries(rates)) {
      const { p50, p95, p99, max } = latencyOf(times);
      const shown = [perSecond, p50, p95, p99, max].map(round);
      const inCalmest = [calmest.p50, calmest.p99, calmest.p99 / calmest.p50].map(round);
      const facts = [rows.toLocaleString('en'), name, String(connectionsOf(rows))];
      latencies.push([...facts, ...shown, round(p99 / p50), ...inCalmest]);
    }
  };
  addLatencies(1, single);
  const tables = { perSecond: [] as string[][], perProcessorSecond: [] as string[][] };
  for (const rows of sizes) {
    const { objects, columns, arrow } = batchLoads(rows);
    const rates = await compare({
      bareObjects: [bare, objects],
      koaObjects: [koa, objects],
      objects: [service, objects],
      bareColumns: [bare, columns],
      columns: [service, columns],
      arrow: [service, arrow],
    });
    addLatencies(rows, rates);
    for (const by of ['perSecond', 'perProcessorSecond'] as const) {
      const rate = (name: string): number => rates[name]![by];
      const shown = (name: string): string => `${round(rate(name))} (${thousands(rate(name) * rows)})`;
      tables[by].push([
        rows.toLocaleString('en'),
        ...['bareObjects', 'koaObjects', 'objects', 'bareColumns', 'columns', 'arrow'].map(shown),
        (rate('objects') / rate('bareObjects')).toFixed(2),
        (rate('objects') / rate('koaObjects')).toFixed(2),
        (rate('columns') / rate('objects')).toFixed(2),
        (rate('arrow') / rate('objects')).toFixed(2),
      ]);
    }
  }
  for (const [by, title] of [
    ['perProcessorSecond', 'Requests (options) for a second of processor'],
    ['perSecond', 'Requests (options) a second'],
  ] as const) {
    const { bare: least, koa: plain, price } = single as { bare: Rate; koa: Rate; price: Rate };
    console.log(`\n${title}; price ${round(price[by])}, bare ${round(least[by])}, Koa ${round(plain[by])}\n`);
    cells([...header, ...ratios]);
    cells([...header, ...ratios].map(() => '---:'));
    for (const row of tables[by]) cells(row);
  }
  const names = ['rows', 'load', 'connections', 'requests/s', 'p50', 'p95', 'p99', 'max', 'p99/p50'];
  names.push('p50 of the calmest round', 'p99', 'p99/p50');
  console.log('\nLatency in ms beside the throughput\n');
  cells(names);
  cells(names.map(() => '---:'));
  for (const row of latencies) cells(row);
};

const liveness = async (): Promise<void> => {
  console.log('\n/health/live meanwhile, ms:\n');
  cells(['load', 'median', 'p99', 'most', 'probes', 'resident after, MB', 'most resident, MB']);
  cells(['---', ...Array.from({ length: 6 }, () => '---:')]);
  const show = (name: string, times: readonly number[]): void => {
    const at = (share: number): string => round(times[Math.min(times.length - 1, Math.floor(share * times.length))]!);
    const { now, most } = memoryOf(service);
    cells([name, at(0.5), at(0.99), at(1), String(times.length), round(now), round(most)]);
  };
  const each = Math.max(4, seconds);
  show('none', await whileProbed(service, () => sleep(each * 1000)));
  show('none, bare server', await whileProbed(bare, () => sleep(each * 1000)));
  for (const rows of sizes.slice(-3)) {
    const connections = rows >= 10_000 ? 2 : 4;
    const loads = batchLoads(rows);
    for (const load of Object.values(loads)) {
      const times = await whileProbed(service, () => drive(service, load, each, connections));
      show(`${load.name} of ${rows.toLocaleString('en')}`, times);
    }
    const times = await whileProbed(bare, () => drive(bare, loads.objects, each, connections));
    show(`objects of ${rows.toLocaleString('en')}, bare server`, times);
  }
};

try {
  const idle = memoryOf(service);
  console.log(`Node ${process.version}, ${rounds} rounds of ${seconds} s; resident before: ${round(idle.now)} MB`);
  await throughput();
  if (process.env['LIVENESS'] !== 'false') await liveness();
} finally {
  await scope.close();
}
