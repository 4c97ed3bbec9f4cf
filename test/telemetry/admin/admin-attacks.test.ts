import { connect, type Socket } from 'node:net';
import { hostname } from 'node:os';
import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { request } from 'undici';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createAdminServer } from '#src/telemetry/admin/admin-server.ts';
import { createMetrics } from '#src/telemetry/metrics/metrics.ts';
import { eventually } from '#testkit/eventually.ts';

const setup = async (t: ExecutionContext, series = 0) => {
  const registry = new Registry();
  const metrics = createMetrics({ registry, enabled: true, build: { version: '1', commit: 'abc' } });
  for (let each = 0; each < series; each += 1) metrics.set('db_client_connection_max', { pool: `pool_${each}` }, each);
  const warnings: string[] = [];
  let texts = 0;
  const server = createAdminServer({
    registry,
    collect: async () => void (texts += 1),
    host: '127.0.0.1',
    port: 0,
    logger: { ...silentLogger, warn: (_, message) => void warnings.push(message) },
  });
  const { port } = await server.listen();
  t.teardown(() => server.close());
  const open = (): Socket => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    t.teardown(() => socket.destroy());
    return socket;
  };
  const scrape = async (host = 'localhost', path = '/metrics'): Promise<number> => {
    const { statusCode, body } = await request(`http://127.0.0.1:${port}${path}`, { headers: { host } });
    await body.dump();
    return statusCode;
  };
  return { open, scrape, warnings, texts: () => texts };
};
const scrapes = (count: number): string => 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(count);

/** Processor time of the longest turn of the event loop while `work` runs, in milliseconds. */
const longestTurn = async (work: () => Promise<void>): Promise<number> => {
  let longest = 0;
  let last = process.cpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(last);
    longest = Math.max(longest, (user + system) / 1_000);
    last = process.cpuUsage();
  }, 1);
  await work();
  clearInterval(timer);
  return longest;
};

test.serial('a client that sends many scrapes at once is cut off before they are answered', async (t) => {
  const { open, scrape, warnings } = await setup(t, 5_000);
  await scrape();
  const sockets = Array.from({ length: 60 }, open);
  const longest = await longestTurn(async () => {
    for (const socket of sockets) socket.write(scrapes(2_000));
    await eventually(() => sockets.every(({ closed }) => closed), 'the clients are cut off', 30_000);
  });
  t.log(`longest turn ${longest.toFixed(0)} ms`);
  t.is(warnings.length, 60);
  t.deepEqual(
    new Set(warnings),
    new Set(['a client of the admin port sends too many requests at once and is cut off']),
  );
  t.is(await scrape(), 200);
  t.true(longest < 1_000, `${longest} ms`);
});

test.serial('scrapes without pause leave most of the time to others', async (t) => {
  const { scrape, texts } = await setup(t, 5_000);
  await scrape();
  const began = performance.now();
  const before = texts();
  let answered = 0;
  const client = async (): Promise<void> => {
    while (performance.now() - began < 1_500) {
      t.is(await scrape(), 200);
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: 20 }, client));
  const made = texts() - before;
  t.log(`${made} texts for ${answered} scrapes in ${(performance.now() - began).toFixed(0)} ms`);
  // A text of 5,000 series takes 10 ms and more, so there is one in 50 ms at most.
  t.true(made <= 40, `${made} texts`);
  t.true(answered > made, 'scrapes share texts');
});

test.serial('idle connections do not keep a scraper out', async (t) => {
  const { open, scrape } = await setup(t);
  const idle = Array.from({ length: 200 }, open);
  await eventually(() => idle.filter(({ closed }) => closed).length >= 72, 'the oldest connections are closed');
  t.is(await scrape(), 200);
});

test.serial('a page of another site whose name resolves to loopback is refused', async (t) => {
  const { scrape } = await setup(t);
  for (const host of ['evil.example', 'evil.example:9464', '127.0.0.1.evil.example', 'localhost.evil.example']) {
    for (const path of ['/metrics', '/rate-limits/top', '/dev/mailbox']) t.is(await scrape(host, path), 400, host);
  }
  for (const host of ['localhost:9464', '127.0.0.1:9464', '[::1]:9464', '10.1.2.3', hostname()]) {
    t.is(await scrape(host), 200, host);
  }
});

test('a request that asks for another protocol is the last one of its connection', async (t) => {
  const { open } = await setup(t);
  const socket = open();
  let answers = '';
  socket.on('data', (chunk) => (answers += chunk.toString()));
  const upgrade = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n';
  socket.write(upgrade + scrapes(1));
  await eventually(() => answers.includes('HTTP/1.1 200 '), 'the request is answered');
  socket.write(scrapes(1));
  await eventually(() => socket.closed, 'the connection is closed');
  t.is(answers.split('HTTP/1.1 ').length - 1, 1);
});
