/**
 * Follows the steps of a new user: start in an empty folder, run the three curl lines of the banner, press Ctrl-C,
 * start again. It prints the start-up times and fails at the first unexpected result.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { startService } from '#testkit/service.ts';
import { lastIndexValues } from '#testkit/market-data/sample-results.ts';
import { eventually } from '#testkit/eventually.ts';

const directory = mkdtempSync(join(tmpdir(), 'volwatch-smoke-'));
const environment = { NODE_ENV: undefined, VOLWATCH_DIRECTORY: directory };

const running: Awaited<ReturnType<typeof startService>>[] = [];
const start = async (name: string) => {
  const began = performance.now();
  const service = await startService({ environment });
  running.push(service);
  await service.ready(120_000);
  console.log(`${name}: started in ${((performance.now() - began) / 1000).toFixed(2)} s`);
  return service;
};

const interrupt = async (service: Awaited<ReturnType<typeof start>>) => {
  service.process.kill('SIGINT');
  const { code } = await service.exited;
  assert.equal(code, 0, `Ctrl-C ends with status 0: ${service.stderr()}`);
};

try {
  const first = await start('first start');
  await first.logged(({ message }) => message === 'started', 60_000);
  await eventually(() => first.stderr().includes('Ctrl-C'), 'the banner is printed');
  const lines = first
    .stderr()
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('curl '));
  assert.equal(lines.length, 3, `the banner has three curl lines: ${first.stderr()}`);
  for (const line of lines) {
    const answer = JSON.parse(
      execFileSync('sh', ['-c', line], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    );
    console.log(`${line}\n  ${JSON.stringify(answer).slice(0, 160)}`);
    assert.equal(answer.code, undefined, 'the answer is not a problem document');
  }
  await interrupt(first);

  const second = await start('second start');
  for (const { code, value: expected } of lastIndexValues) {
    const response = await fetch(`${second.url}/api/v1/indexes/${code}/values?from=2010-03-01&limit=1000`);
    let page = (await response.json()) as {
      data: { date: string; value: number }[];
      page: { next_cursor: string | null };
    };
    while (page.page.next_cursor !== null) {
      const next = `${second.url}/api/v1/indexes/${code}/values?from=2010-03-01&limit=1000&cursor=${page.page.next_cursor}`;
      page = (await (await fetch(next)).json()) as typeof page;
    }
    const last = page.data.at(-1)!;
    console.log(`${code} ends ${last.date} with ${last.value}`);
    assert.ok(Math.abs(last.value / expected - 1) < 1e-9, `${code} ends with ${expected}`);
  }
  await interrupt(second);
  console.log('smoke: ok');
} finally {
  await Promise.all(running.map((service) => service.stop(5_000)));
  rmSync(directory, { recursive: true, force: true });
}
