/**
 * Shows where the processor time of a request is spent: `npm run bench:profile [load ...]`. It profiles a service in
 * production mode that exports a tenth of its traces, and adds up the self time of all functions by part, in microseconds
 * for each request. Functions without a file (JSON, strings, maps) count for the part that calls them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '#testkit/running-service.ts';
import { withScope } from '../../verify/scope.ts';
import { batchLoads, priceLoad, type Load } from './bodies.ts';
import { drive, warmUp } from './drive.ts';
import { createProduction } from './production.ts';
import { partOf, type CallFrame } from './profile-parts.ts';

const seconds = Number(process.env['SECONDS_EACH'] ?? 6);
const connections = Number(process.env['CONNECTIONS'] ?? 16);
/** Functions to list after the table. */
const listed = Number(process.env['FUNCTIONS'] ?? 0);

const loads: Readonly<Record<string, () => Load>> = {
  price: () => priceLoad,
  'objects-1': () => batchLoads(1).objects,
  'objects-100': () => batchLoads(100).objects,
  'objects-1000': () => batchLoads(1_000).objects,
  'columns-1000': () => batchLoads(1_000).columns,
  'arrow-1000': () => batchLoads(1_000).arrow,
};

type Profile = {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame; readonly children?: number[] }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};
type Window = { readonly from: number; readonly to: number };

const microseconds = (): number => Number(process.hrtime.bigint() / 1000n);

/** Self time by part and by function, in microseconds. Profiles and `process.hrtime` of all processes have one clock. */
const addUp = (profile: Profile, { from, to }: Window) => {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const partOfNode = (id: number): string => {
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const part = partOf(nodes.get(at)!.callFrame);
      if (part !== undefined) return part;
    }
    return 'unknown';
  };
  const parts = new Map<string, number>();
  const functions = new Map<string, number>();
  let time = profile.startTime;
  profile.samples.forEach((id, index) => {
    const spent = profile.timeDeltas[index]!;
    time += spent;
    if (time < from || time > to) return;
    const { functionName, url, lineNumber } = nodes.get(id)!.callFrame;
    const part = partOfNode(id);
    if (part === 'idle') return;
    parts.set(part, (parts.get(part) ?? 0) + spent);
    const name = `${functionName || '(anonymous)'} ${url.replace(/^.*\/(?=src|node_modules)/, '')}:${lineNumber + 1}`;
    functions.set(`${part}: ${name}`, (functions.get(`${part}: ${name}`) ?? 0) + spent);
  });
  return { parts, functions };
};

const largestFirst = (times: ReadonlyMap<string, number>): [string, number][] =>
  [...times].toSorted(([, a], [, b]) => b - a);

await withScope(async (scope) => {
  const names = process.argv.slice(2);
  const directory = temporaryDirectory(scope);
  const service = await (
    await createProduction(scope)
  )('profile', {
    environment: { NODE_OPTIONS: `--cpu-prof --cpu-prof-interval=200 --cpu-prof-dir=${directory}` },
  });
  const windows = new Map<string, Window & { readonly requests: number; readonly processor: number }>();
  for (const name of names.length > 0 ? names : Object.keys(loads)) {
    const load = loads[name]!();
    await warmUp(service, load, seconds / 2, connections);
    const from = microseconds();
    const { times, perProcessorSecond } = await drive(service, load, seconds, connections);
    windows.set(name, { from, to: microseconds(), requests: times.length, processor: 1e6 / perProcessorSecond });
  }
  await service.stop();
  const profiles = readdirSync(directory).map(
    (file) => JSON.parse(readFileSync(join(directory, file), 'utf8')) as Profile,
  );
  for (const [name, window] of windows) {
    const parts = new Map<string, number>();
    const functions = new Map<string, number>();
    for (const profile of profiles) {
      const added = addUp(profile, window);
      for (const [part, time] of added.parts) parts.set(part, (parts.get(part) ?? 0) + time);
      for (const [each, time] of added.functions) functions.set(each, (functions.get(each) ?? 0) + time);
    }
    const each = (time: number): string => (time / window.requests).toFixed(1);
    const total = [...parts.values()].reduce((sum, time) => sum + time, 0);
    console.log(
      `\n${name}: ${window.requests} requests, ${each(total)} microseconds each on the threads that run JavaScript, ` +
        `${window.processor.toFixed(1)} of processor time with all threads\n`,
    );
    console.log('| part | microseconds | share |\n| --- | ---: | ---: |');
    for (const [part, time] of largestFirst(parts)) {
      console.log(`| ${part} | ${each(time)} | ${((100 * time) / total).toFixed(0)} % |`);
    }
    if (listed > 0) console.log('');
    for (const [text, time] of largestFirst(functions).slice(0, listed))
      console.log(`${each(time).padStart(7)}  ${text}`);
  }
  return true;
});
