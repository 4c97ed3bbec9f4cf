import test from 'ava';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { createDropReport, type DropReport } from '#src/telemetry/logs/drop-report.ts';
import { recordMetrics } from '#testkit/metrics.ts';

const setup = () => {
  let now = 0;
  const lines: unknown[] = [];
  const warn = (fields: object): void => void lines.push(fields);
  const logger = { warn } as unknown as Logger;
  const metrics = recordMetrics();
  const report: DropReport = createDropReport({
    metrics,
    logger,
    clock: { monotonic: () => now, now: () => new Date(now) },
  });
  return { report, metrics, lines, advance: (milliseconds: number) => (now += milliseconds) };
};

test('each loss is counted immediately, and one warning a minute has the sum', (t) => {
  const { report, metrics, lines, advance } = setup();
  for (let loss = 0; loss < 50; loss += 1) {
    report('traces', 'queue_full', 10);
    advance(1_000);
  }
  t.deepEqual(lines, [{ dropped: { traces_queue_full: 10 } }]);
  advance(10_000);
  report('logs', 'queue_full', 1);
  t.deepEqual(lines[1], { dropped: { traces_queue_full: 490, logs_queue_full: 1 } });
  t.is(metrics.value('volwatch_telemetry_dropped_total', { signal: 'traces' }), 500);
});

test('a lost warning causes no further warning', (t) => {
  const metrics = recordMetrics();
  let warnings = 0;
  const warn = (): void => {
    warnings += 1;
    report('logs', 'queue_full', 1);
  };
  const clock = { monotonic: () => 0, now: () => new Date(0) };
  const report: DropReport = createDropReport({ metrics, logger: { warn } as unknown as Logger, clock });
  report('traces', 'export_failed', 5);
  t.is(warnings, 1);
  t.is(metrics.value('volwatch_telemetry_dropped_total'), 6);
});
