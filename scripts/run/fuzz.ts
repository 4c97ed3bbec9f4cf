/**
 * Sends mutated inputs to the readers of each format: `npm run fuzz`, `npm run fuzz:arrow`. Batches are opened and
 * priced in a child process. A smaller sample of all formats goes to a real service in production mode over HTTP. The
 * run fails if a mutant is neither priced nor refused with a 4xx, takes more than 100 ms to refuse, or ends a process
 * or a pricing thread. Options: `--format NAME` (repeatable), `--count N`, `--http N`, `--seed N`, `--from N`. To
 * reproduce a fault, use the printed seed, the number of the mutant as `--from`, and `--count 1`.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { formatOf, formats } from '../fuzz/formats.ts';
import { fuzzOverHttp } from '../fuzz/over-http.ts';
import { rowOf, tableHead, type FuzzReport } from '../fuzz/report.ts';
import { lostThreads, startTarget } from '../fuzz/target.ts';
import { fuzzWatched } from '../fuzz/watched.ts';
import { withScope } from '../verify/scope.ts';

const { values } = parseArgs({
  options: {
    format: { type: 'string', multiple: true, default: formats.map(({ name }) => name) },
    count: { type: 'string', default: '20000' },
    http: { type: 'string', default: '500' },
    seed: { type: 'string', default: String(randomInt(2 ** 31 - 1)) },
    from: { type: 'string', default: '0' },
  },
});
const seed = Number(values.seed);
const from = Number(values.from);
const chosen = values.format.map(formatOf);

await withScope(async (scope) => {
  console.log(`seed ${seed}\n\n${tableHead}`);
  let passed = true;
  const show = (target: string, report: FuzzReport): void => {
    console.log(rowOf(target, report));
    for (const { index, reason, base64 } of report.faults) console.log(`  mutant ${index}: ${reason}\n  ${base64}`);
    passed &&= report.faultsTotal === 0;
  };
  for (const format of chosen) {
    if (format.input === undefined || Number(values.count) === 0) continue;
    show('in process', await fuzzWatched(format, { seed, from, count: Number(values.count) }));
  }
  if (Number(values.http) === 0) return passed;
  const service = await startTarget(scope);
  for (const format of chosen) {
    show('HTTP', await fuzzOverHttp(format, { seed, from, count: Number(values.http) }, service.url));
  }
  const lost = await lostThreads(service);
  console.log(`\n${lost} pricing threads lost, the process ${service.process.exitCode === null ? 'runs' : 'ended'}`);
  return passed && lost === 0 && service.process.exitCode === null;
});
