import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';

type Outcome = {
  enabled: boolean;
  exporting: boolean;
  traceId: string;
  missing: string[];
  selfTestMs: number;
  shutdownMs: number;
  exemplars: boolean;
  dropped: number;
  signalHandlers: number;
};

const programUrl = import.meta.resolve('./fixtures/instrumented-program.ts');

/** Answers everything with 200; what is posted to `/v1/traces` is kept, as the OTLP protobuf it is. */
const startCollector = async (t: ExecutionContext) => {
  const received: Buffer[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/v1/traces') received.push(Buffer.concat(chunks));
      response.writeHead(200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received: () => Buffer.concat(received) };
};

const setup = async (t: ExecutionContext) => {
  const redisUrl = process.env['TEST_REDIS_URL'];
  if (!redisUrl) throw new Error('TEST_REDIS_URL is not set: run tests with `npm test` or `node scripts/test.ts FILE`');
  const [{ url: databaseUrl }, collector] = await Promise.all([
    setupDatabase(t, { migrated: false }),
    startCollector(t),
  ]);
  const run = async (env: Readonly<Record<string, string>>): Promise<Outcome> => {
    const program = ['--import', './src/telemetry/preload.ts', fileURLToPath(programUrl)];
    const { stdout } = await promisify(execFile)(process.execPath, [...program, databaseUrl, redisUrl, collector.url], {
      env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'test', ...env },
      timeout: 60_000,
    });
    return JSON.parse(stdout) as Outcome;
  };
  return { run, collector };
};

test('every library is instrumented, one trace is exported, and it contains no secret', async (t) => {
  const { run, collector } = await setup(t);
  const outcome = await run({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  t.like(outcome, { enabled: true, exporting: true, missing: [], exemplars: true, dropped: 0, signalHandlers: 0 });
  t.log(`self-test ${outcome.selfTestMs.toFixed(0)} ms`);
  t.true(outcome.selfTestMs < 1_000);
  const exported = collector.received();
  t.true(exported.includes(Buffer.from(outcome.traceId, 'hex')));
  const text = exported.toString('latin1');
  for (const expected of [
    'GET /work',
    'pg.query:SELECT',
    'select ? as secret, ? as number',
    'select $1::text',
    'instrumentation-ioredis',
    'instrumentation-undici',
    '/quote?symbol=SPX&apikey=[redacted]',
    'service.version',
    'service.instance.id',
    'volwatch',
  ]) {
    t.true(text.includes(expected), expected);
  }
  t.false(text.includes('hunter2'));
  t.false(text.includes('4711'));
  t.false(text.includes('telemetry.self_test'), 'the self-test does not leave the process');
});

test('without an endpoint spans exist and nothing is sent; the self-test works with every sampling ratio', async (t) => {
  const { run, collector } = await setup(t);
  const outcome = await run({ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' });
  t.like(outcome, { enabled: true, exporting: false, missing: [], exemplars: false });
  t.regex(outcome.traceId, /[1-9a-f]/);
  t.is(collector.received().length, 0);
});

test('with a collector that is down spans are lost and counted, and the process ends in time', async (t) => {
  const { run } = await setup(t);
  const outcome = await run({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` });
  t.true(outcome.exporting);
  t.true(outcome.dropped >= 6, String(outcome.dropped));
  t.true(outcome.shutdownMs < 3_000, String(outcome.shutdownMs));
});

test('TELEMETRY_ENABLED=false starts nothing', async (t) => {
  const { run, collector } = await setup(t);
  const outcome = await run({ TELEMETRY_ENABLED: 'false', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  t.like(outcome, { enabled: false, exporting: false, missing: [], exemplars: false, traceId: '0'.repeat(32) });
  t.is(collector.received().length, 0);
});
