import test from 'ava';
import { createLineLimit } from '#src/http/middleware/line-limit.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { publicRoute, serve } from '../support.ts';

const omitted = 'volwatch_http_request_lines_omitted_total';

test('an address and all addresses have a max number of lines in a minute, and the others are counted', (t) => {
  let now = 0;
  const metrics = recordMetrics();
  const mayWrite = createLineLimit({ clock: { monotonic: () => now }, metrics, logger: silentLogger });
  const written = (address: string, times: number): number =>
    Array.from({ length: times }, () => mayWrite(address)).filter(Boolean).length;
  t.is(written('2001:db8::1', 400) + written('2001:db8::2', 400), 600, 'the /64 network of an IPv6 address counts');
  for (let address = 0; address < 9; address += 1) t.is(written(`10.0.0.${address}`, 600), 600);
  t.is(written('10.0.1.1', 10), 0);
  t.is(metrics.value(omitted), 210);
  now = 60_000;
  t.is(written('10.0.1.1', 10), 10);
});

test('requests without a rate limit lose their lines beyond the max, and no others do', async (t) => {
  const nothing = (): void => {};
  const fail = (): never => {
    throw new AppError('internal_error');
  };
  const routes = [
    publicRoute('/free', nothing),
    publicRoute('/broken', fail),
    publicRoute('/limited', nothing, 'caller'),
  ];
  const { call, lines } = await serve(t, { routes });
  const of = (path: string): number =>
    lines.filter((line) => line.message === 'request' && line['path'] === path).length;
  const ask = async (path: string, times: number): Promise<void> => {
    for (let sent = 0; sent < times; sent += 50) {
      await Promise.all(Array.from({ length: 50 }, async () => (await call(path)).arrayBuffer()));
    }
  };
  await ask('/unknown', 300);
  await ask('/api/v1/free', 400);
  t.is(of('/[redacted]') + of('/api/v1/free'), 600);
  await ask('/api/v1/limited', 50);
  await ask('/api/v1/broken', 650);
  t.deepEqual([of('/api/v1/limited'), of('/api/v1/broken')], [50, 600], 'a fault has lines of its own, up to the max');
});

test('refusals before the rate limit, and those of the limit itself, lose their lines beyond the max', async (t) => {
  let isFull = false;
  const { call, raw, lines } = await serve(t, {
    routes: [publicRoute('/limited', () => {}, 'caller')],
    rateLimit: async () => {
      if (isFull) throw new AppError('rate_limit_exceeded');
      return {};
    },
  });
  const answered = (status: number): number =>
    lines.filter((line) => line.message === 'request' && line['status'] === status).length;
  const ask = (accept: string) => async () =>
    void (await (await call('/api/v1/limited', { headers: { Accept: accept } })).arrayBuffer());
  const repeat = async (times: number, work: () => Promise<unknown>): Promise<void> => {
    for (let sent = 0; sent < times; sent += 50) await Promise.all(Array.from({ length: 50 }, work));
  };
  await repeat(400, ask('x/y'));
  t.is(answered(406), 400);
  isFull = true;
  await repeat(400, ask('*/*'));
  t.is(answered(429), 200);
  isFull = false;
  await repeat(50, ask('*/*'));
  t.is(answered(200), 50, 'what the rate limit lets through has its lines');
  await repeat(650, () => raw('X\r\n\r\n'));
  t.is(answered(400), 600, 'and so have refusals of the parser up to the max');
});

test('one line has the number of the lines that were left out', async (t) => {
  const told: unknown[] = [];
  // A minute that is nearly over.
  let now = 0;
  const logger = { ...silentLogger, warn: (fields: object) => void told.push(fields) };
  const mayWrite = createLineLimit({ clock: { monotonic: () => now }, metrics: recordMetrics(), logger });
  mayWrite('10.0.0.1');
  now = 59_900;
  for (let sent = 0; sent < 700; sent += 1) mayWrite('10.0.0.1');
  await eventually(() => told.length === 1, 'the line is written at the end of the minute');
  t.deepEqual(told, [{ omitted: 101 }]);
});
