import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { CellResult } from '#load/chaos/cell.ts';
import { renderReport } from '#load/chaos/report/report.ts';
import type { Timeline } from '#load/chaos/report/timelines.ts';
import { launchChromium } from '#testkit/browser/chromium.ts';

const result = (name: string, passed: boolean): CellResult => ({
  group: 'redis',
  name,
  how: 'a <script>alert(1)</script> that must stay text',
  passed,
  checks: [{ name: 'recovery', passed, detail: passed ? '200 ms' : 'not within 10000 ms' }],
  detectionMs: 120,
  recoveryMs: passed ? 200 : undefined,
  answers: { ok: 90, refused: 10, unanswered: 0 },
  phases: {
    before: { requests: 20, served: 20 },
    during: { requests: 60, served: 50 },
    after: { requests: 20, served: 20 },
  },
  slowestMs: 340,
  traceId: '0af7651916cd43dd8448eb211c80319c',
  window: { from: 100, injected: 102, healed: 105, to: 110 },
});
const timeline: Timeline = {
  title: 'Latency',
  unit: 'ms',
  lines: [
    {
      label: 'p50',
      points: [
        [100, 2],
        [105, 9],
        [110, 2],
      ],
    },
    {
      label: 'p99',
      points: [
        [100, 8],
        [105, 90],
        [110, 8],
      ],
    },
  ],
};

test('the report is one file that a browser shows whole, in the light, in the dark and on paper', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-report-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'chaos.html');
  const results = [result('cut', true), result('black hole', false)];
  writeFileSync(file, renderReport(results, [[timeline], [timeline]]));
  const browser = await launchChromium();
  t.teardown(() => browser.close());
  const page = await browser.newPage();
  const requested: string[] = [];
  const errors: string[] = [];
  page.on('request', (request) => requested.push(request.url()));
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(`file://${file}`);

  t.deepEqual(requested, [`file://${file}`], 'nothing is fetched from anywhere');
  t.deepEqual(errors, []);
  t.regex((await page.textContent('.verdict')) ?? '', /^1 of 2 cells passed/);
  t.is(await page.locator('tbody tr').count(), 2 + 1, 'a row a fault, and one for the steady state of the group');
  t.is(await page.locator('.heat.bad').count(), 1);
  t.is(await page.locator('svg .fault').count(), 2, 'the time of each fault is shaded');
  t.is(await page.locator('script').count(), 0);
  t.regex((await page.textContent('#redis-cut')) ?? '', /0af7651916cd43dd8448eb211c80319c/);

  const paper = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor');
  const light = await paper();
  await page.emulateMedia({ colorScheme: 'dark' });
  t.not(await paper(), light);
  await page.emulateMedia({ media: 'print', colorScheme: 'light' });
  t.true((await page.pdf()).length > 10_000);
});
