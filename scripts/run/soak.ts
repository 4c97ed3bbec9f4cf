/**
 * `npm run soak`: runs the service in production mode under a small load of all kinds of caller, with a fault of the chaos
 * matrix each minute, and judges at the end whether memory, descriptors, connections, Redis and tables stayed flat, and
 * whether the rows of each table with a retention were removed. It prints a verdict and writes reports/soak.json and
 * reports/soak.html. With `--write` it also writes docs/soak.md. MINUTES (60) and RATE (2 steps/s) change the run.
 * SIGUSR2 makes it judge the time so far, as an interim report that `--write` does not put into the docs.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CellResult } from '#load/chaos/cell.ts';
import { runCell } from '#load/chaos/run-cell.ts';
import { startWorld } from '#load/chaos/world.ts';
import { soakFaults } from '#load/soak/faults.ts';
import { filesOf, verdictLines } from '#load/soak/report.ts';
import { takeSample, type Sample } from '#load/soak/sample.ts';
import { createTimeLapse } from '#load/soak/time-lapse.ts';
import { startTraffic } from '#load/soak/traffic.ts';
import { judge } from '#load/soak/verdict.ts';
import { prepareLoad } from '../support/load-people.ts';
import { withScope } from '../verify/scope.ts';

const minutes = Number(process.env['MINUTES'] ?? 60);
const rate = Number(process.env['RATE'] ?? 2);
const sampleEveryMs = 10_000;
const minuteMs = 60_000;
/** The first third, and at most 20 minutes: code is compiled, pools fill, rows become old for the first time. */
const warmUpSeconds = Math.min(1_200, minutes * 20);
/** Rows of the load become old after five minutes, in a short run sooner. */
const keepSeconds = Math.min(300, minutes * 20);
/** The removal runs each minute, and again after a retry. */
const removalTimeoutMs = 180_000;

const settings = {
  NODE_ENV: 'production',
  FAULT_INJECTION: 'false',
  RETENTION_SCHEDULE: '* * * * *',
  AUTH_CLEANUP_MINUTES: '1',
  // A few people send what many people would send.
  CREATIONS_PER_OWNER_PER_DAY: '1000000',
  REFRESHES_PER_OWNER_PER_DAY: '1000000',
};

if (spawnSync(process.execPath, ['scripts/tools.ts', 'toxiproxy'], { stdio: 'inherit' }).status !== 0) {
  process.exit(1);
}

await withScope(async (scope) => {
  const world = await startWorld(scope, 'server', { settings, durable: true });
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-soak-'));
  scope.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const people = await prepareLoad(world.url, directory, world.google);
  const traffic = startTraffic(world, people['LOAD_PEOPLE']!, rate);

  const startedAt = performance.now();
  const endsAt = startedAt + minutes * minuteMs;
  const samples: Sample[] = [];
  let failedSamples = 0;
  const stopped = new AbortController();
  const sampling = (async () => {
    while (!stopped.signal.aborted) {
      try {
        samples.push(await takeSample(world, startedAt));
      } catch {
        // A fault keeps a part from answering.
        failedSamples += 1;
      }
      await sleep(sampleEveryMs, undefined, { signal: stopped.signal }).catch(() => {});
    }
  })();

  const timeLapse = createTimeLapse(() => world.databaseUrl, keepSeconds);
  const faults = soakFaults();
  const results: CellResult[] = [];
  const began = Date.now() / 1_000;
  /** Judges the time so far. @returns whether everything passed */
  const report = async (interim: boolean): Promise<boolean> => {
    const retention = await timeLapse.end(removalTimeoutMs);
    const verdict = judge({ samples, results, retention, steps: traffic.counts, warmUp: warmUpSeconds });
    const run = { minutes, interim, perSecond: rate, began, warmUpSeconds, samples, failedSamples, results, verdict };
    mkdirSync('reports', { recursive: true });
    for (const [path, text] of Object.entries(filesOf(run, process.argv.includes('--write'))))
      writeFileSync(path, text);
    console.log(verdictLines(run).join('\n'));
    return verdict.passed;
  };
  // A fault may be injected at this moment, so an interim report may fail. The run goes on.
  process.on('SIGUSR2', () => {
    report(true).catch((error: unknown) => console.log(`no interim report: ${String(error)}`));
  });
  for (let turn = 0; performance.now() + minuteMs / 2 < endsAt; turn += 1) {
    const nextAt = startedAt + (turn + 1) * minuteMs;
    await timeLapse.step().catch((error: unknown) => console.log(`rows could not be aged: ${String(error)}`));
    const result = await runCell(faults[turn % faults.length]!, world);
    results.push(result);
    const broken = result.checks.filter(({ passed }) => !passed).map(({ name, detail }) => `${name} (${detail})`);
    const at = Math.round((performance.now() - startedAt) / minuteMs);
    console.log(`${at} min: ${result.group} / ${result.name}${broken.length > 0 ? `: ${broken.join('; ')}` : ''}`);
    await sleep(Math.max(0, Math.min(nextAt, endsAt) - performance.now()));
  }
  await traffic.stop();
  const passed = await report(false);
  stopped.abort();
  await sampling;
  return passed;
});
