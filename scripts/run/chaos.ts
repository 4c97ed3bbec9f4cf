/**
 * `npm run chaos [group]`: runs every cell of load/chaos/matrix.ts, or the cells of one group, on a live service under
 * load. It prints one line per cell and writes reports/chaos.json and reports/chaos.html. The exit status is 1 if a
 * cell fails.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { groups, type CellResult, type Group } from '#load/chaos/cell.ts';
import { matrix } from '#load/chaos/matrix.ts';
import { renderReport } from '#load/chaos/report/report.ts';
import { readTimelines, type Timeline } from '#load/chaos/report/timelines.ts';
import { runCell } from '#load/chaos/run-cell.ts';
import { createScope } from '#testkit/scope.ts';
import { startWorld } from '#load/chaos/world.ts';
import { startLoad, startPrometheus } from '#load/chaos/world/background-programs.ts';
import { topologies, type Topology } from '#load/chaos/world/topology.ts';

const [asked, only] = process.argv.slice(2);
if (asked !== undefined && !groups.includes(asked as Group)) {
  console.error(`No group ${asked}: ${groups.join(', ')}`);
  process.exit(2);
}
const cells = matrix.filter(
  ({ group, name }) => (asked === undefined || group === asked) && (only === undefined || name === only),
);
const built = spawnSync(process.execPath, ['scripts/tools.ts', 'k6', 'toxiproxy', 'prometheus'], { stdio: 'inherit' });
if (built.status !== 0) process.exit(1);

let scope = createScope();
// On any error or signal, all started processes must end.
const abandon = (error: unknown): void => {
  console.error(error);
  void scope.close().finally(() => process.exit(1));
};
process.on('uncaughtException', abandon).on('SIGINT', abandon).on('SIGTERM', abandon);
const results: CellResult[] = [];
const timelines: Timeline[][] = [];

/** Runs the cells that share a topology in one world. */
const runTopology = async (topology: Topology): Promise<void> => {
  const chosen = cells.filter((cell) => (cell.topology ?? 'server') === topology);
  if (chosen.length === 0) return;
  scope = createScope();
  const own: CellResult[] = [];
  try {
    const world = await startWorld(scope, topology);
    const prometheusUrl = await startPrometheus(scope, world.adminUrl);
    startLoad(scope, world);
    for (const cell of chosen) {
      const result = await runCell(cell, world);
      own.push(result);
      const time = (ms: number | undefined): string => (ms === undefined ? '-' : `${(ms / 1_000).toFixed(1)} s`);
      console.log(
        `${result.passed ? 'passed' : 'FAILED'} ${cell.group} / ${cell.name}: seen after ${time(result.detectionMs)}, recovered after ${time(result.recoveryMs)}`,
      );
      for (const { name, passed, detail } of result.checks) if (!passed) console.log(`         ${name}: ${detail}`);
    }
    timelines.push(...(await readTimelines(prometheusUrl, own)));
    results.push(...own);
  } finally {
    await scope.close();
  }
};

for (const topology of topologies) await runTopology(topology);
mkdirSync('reports', { recursive: true });
writeFileSync('reports/chaos.json', `${JSON.stringify(results, null, 2)}\n`);
writeFileSync('reports/chaos.html', renderReport(results, timelines));
const passed = results.filter((result) => result.passed).length;
console.log(`${passed} of ${cells.length} cells passed; report: reports/chaos.html`);
process.exit(passed === cells.length ? 0 : 1);
