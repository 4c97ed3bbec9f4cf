import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { context, trace, TraceFlags } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import test from 'ava';
import { runInRequest } from '#src/kernel/requests/request-context.ts';
import { createLogger, type LogLevel } from '#src/telemetry/logs/logger.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const request = {
  requestId: 'req-1',
  traceId: 'f'.repeat(32),
  clientIp: '203.0.113.7',
  signal: new AbortController().signal,
  timings: {},
};

test.before(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});

const setup = (level: LogLevel = 'info') => {
  const lines: string[] = [];
  const logger = createLogger({ level, destination: { write: (line: string) => void lines.push(line) } });
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
};

test('a line is JSON with a word for its level, an RFC 3339 time and the fields', (t) => {
  const { logger, last } = setup();
  logger.info({ universe: 'tech5', rows: 560 }, 'refreshed');
  const { time, ...rest } = last();
  t.deepEqual(rest, { level: 'info', universe: 'tech5', rows: 560, message: 'refreshed' });
  t.regex(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('request id, trace id and span id are those of the active context', (t) => {
  const { logger, last } = setup();
  runInRequest(request, () => logger.info({}, 'without a span'));
  t.like(last(), { request_id: 'req-1', trace_id: request.traceId });
  t.false('span_id' in last());
  const span = trace.setSpanContext(context.active(), { traceId, spanId, traceFlags: TraceFlags.SAMPLED });
  runInRequest(request, () => context.with(span, () => logger.info({}, 'inside one')));
  t.like(last(), { request_id: 'req-1', trace_id: traceId, span_id: spanId });
  logger.info({}, 'outside');
  t.false('request_id' in last());
});

test('levels below the set one are not written; silent writes nothing', (t) => {
  const { logger, lines } = setup('warn');
  logger.info({}, 'no');
  logger.debug({}, 'no');
  logger.warn({}, 'yes');
  logger.error({}, 'yes');
  t.is(lines.length, 2);
  const silent = setup('silent');
  silent.logger.error({}, 'no');
  t.is(silent.lines.length, 0);
});

test('secrets and personal data never reach the line, whatever their depth', (t) => {
  const { logger, lines } = setup();
  logger.warn(
    {
      headers: { authorization: 'Bearer hunter2', cookie: 'sid=hunter2', 'set-cookie': ['hunter2'] },
      list: [{ password: 'hunter2' }, { nested: { apiKey: 'hunter2', client_secret: 'hunter2' } }],
      email: 'hunter2@example.com',
      url: 'postgres://u:hunter2@db/x',
    },
    'failed for hunter2@example.com',
  );
  t.notRegex(lines.join(''), /hunter2/);
});

test('many loggers add no listener to the exit of the process', (t) => {
  createLogger({ level: 'silent' });
  const before = process.listenerCount('exit');
  for (let count = 0; count < 12; count += 1) createLogger({ level: 'silent' });
  t.is(process.listenerCount('exit'), before);
});

test('an error under any name is described without the literals of its statement', (t) => {
  const { logger, lines, last } = setup();
  const error = Object.assign(new Error(`insert into t values ('hunter2') - value "hunter2" is too long`), {
    code: '22001',
    severity: 'ERROR',
    detail: 'hunter2',
    query: 'hunter2',
  });
  for (const name of ['err', 'error', 'reason']) {
    logger.error({ [name]: error }, 'failed');
    t.like(last()[name], { type: 'Error', code: '22001', message: 'value ? is too long' });
  }
  t.notRegex(lines.join(''), /hunter2/);
});

test('with a reader that does not read, lines are lost and counted, and memory does not grow', async (t) => {
  const program = fileURLToPath(import.meta.resolve('./fixtures/noisy-program.ts'));
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  child.stdout.pause();
  const { dropped } = JSON.parse(await text(child.stderr)) as { dropped: number };
  t.true(dropped > 1_000 && dropped < 6_000, String(dropped));
});

const end = (lines: number) => {
  const program = fileURLToPath(import.meta.resolve('./fixtures/ending-program.ts'));
  return spawn(process.execPath, [program, String(lines)], { stdio: ['ignore', 'pipe', 'pipe'] });
};

test('a process that flushes and ends has written everything, in order', async (t) => {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const written = (await text(end(2_000).stdout)).trim().split('\n');
    const lines = written.map((line) => JSON.parse(line) as { line?: number; message: string });
    t.is(lines.length, 2_001);
    t.true(lines.slice(0, 2_000).every(({ line }, index) => line === index));
    t.is(lines.at(-1)?.message, 'last');
  }
});

test('a process with a reader that does not read ends in time', async (t) => {
  const child = end(20_000);
  t.teardown(() => child.kill('SIGKILL'));
  child.stdout.pause();
  const { written, took } = JSON.parse(await text(child.stderr)) as { written: boolean; took: number };
  t.false(written);
  t.true(took >= 490 && took < 3_000, String(took));
});
