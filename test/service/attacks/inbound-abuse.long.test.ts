import { gzipSync } from 'node:zlib';
import anyTest, { type TestFn } from 'ava';
import { memoryBytesOf } from '#testkit/measures/processes.ts';
import { setupDatabase } from '#testkit/database.ts';
import { generousRateLimits } from '#testkit/rate-limits.ts';
import { floodBody, openSocket, openSockets, type RawSocket } from '#testkit/raw-sockets.ts';
import { redisUrl } from '#testkit/redis.ts';
import type { Service } from '#testkit/service.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, metric, option, price, scrape, serve, takeToken } from '#testkit/running-service.ts';

/** Attacks on what comes in, against the service in production mode with its default limits. */
const test = anyTest as TestFn<{ service: Service; port: number; token: string }>;
const teardowns: (() => unknown)[] = [];
const attacker = '127.0.0.2';

test.before(async (t) => {
  const suite = { teardown: (end: () => unknown) => void teardowns.unshift(end) };
  const database = await setupDatabase(suite);
  const service = await serve(suite, {
    NODE_ENV: 'production',
    FAULT_INJECTION: undefined,
    DATABASE_URL: database.url,
    REDIS_URL: redisUrl(),
    // Rate limits would refuse the attack before the limits that are tested here.
    ...generousRateLimits,
    DATABASE_ACQUIRE_TIMEOUT_MS: '5000',
    LOAD_LAG_MS: '60000',
  });
  await service.logged(({ message }) => message === 'started');
  t.context = { service, port: Number(new URL(service.url).port), token: await takeToken(service) };
});
test.after.always(async () => {
  for (const end of teardowns) await end();
});

const base = '/api/v1';
/** The head of a request whose body of 1,000 bytes never comes. */
const idle = (method: string, path: string, headers: Readonly<Record<string, string>> = {}): string => {
  const all = { Host: 'a', 'Content-Type': 'application/json', 'Content-Length': '1000', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${base}${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
};
const statuses = async (answers: readonly Promise<{ readonly status: number }>[]): Promise<number[]> => [
  ...new Set((await Promise.all(answers)).map(({ status }) => status)),
];
/** Waits until each request of `sockets` is in progress or answered. */
const areReceived = (service: Service, sockets: readonly RawSocket[]): Promise<void> =>
  eventually(async () => {
    const active = metric(await scrape(service), 'http_server_active_requests');
    return active + sockets.filter(({ answer }) => answer() !== '').length >= sockets.length;
  }, `${sockets.length} requests are received`);
const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

// First: what others leave behind would hide what this one takes.
test.serial('bodies without end from many addresses do not fill the memory, and small batches go on', async (t) => {
  const { service, port } = t.context;
  const head = `POST ${base}/pricing/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const addresses = Array.from({ length: 20 }, (_, index) => `127.0.1.${index + 1}`);
  const sockets = await Promise.all(addresses.flatMap((from) => times(2, () => openSocket(t, { port, from }, head))));
  const chunk = (filler: Buffer): Buffer =>
    Buffer.concat([Buffer.from(`${filler.length.toString(16)}\r\n`), filler, Buffer.from('\r\n')]);
  const before = memoryBytesOf(service.pid);
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, memoryBytesOf(service.pid))), 20);
  const floods = Promise.all(sockets.map((socket) => floodBody(socket, 60_000_000, chunk)));
  const batch = () => call(`${service.url}${base}/pricing/batch`, json({ options: times(1_000, () => option) }));
  const small: number[] = [];
  for (let round = 0; round < 10; round += 1) small.push((await batch()).status);
  await floods;
  clearInterval(watch);
  t.deepEqual([...new Set(small)], [200]);
  t.true(peak - before < 800_000_000, `${before}, then ${peak} bytes were resident`);
  t.log(`resident before and at most: ${before} and ${peak} bytes`);
  for (const { socket } of sockets) socket.destroy();
  const held = async () => metric(await scrape(service), 'volwatch_http_body_bytes');
  await eventually(async () => (await held()) === 0, 'no body is held any more');
});

test.serial('sockets without a body on /pricing/batch take nothing from other callers', async (t) => {
  const { service, port } = t.context;
  const sockets = await openSockets(t, { port, from: attacker }, idle('POST', '/pricing/batch'), 16);
  await areReceived(service, sockets);
  const batch = () => call(`${service.url}${base}/pricing/batch`, json({ options: [option] }));
  for (let round = 0; round < 16; round += 1) t.deepEqual(await statuses(times(4, batch)), [200]);
  for (const { socket } of sockets) socket.destroy();
});

test.serial('512 sockets with one credential on /pricing/jobs do not stop /pricing/price', async (t) => {
  const { service, port, token } = t.context;
  const head = idle('POST', '/pricing/jobs', { Authorization: `Bearer ${token}` });
  const sockets = await openSockets(t, { port, from: attacker }, head, 512);
  await areReceived(service, sockets);
  t.deepEqual(await statuses(times(32, () => price(service))), [200]);
  for (const { socket } of sockets) socket.destroy();
});

test.serial('256 sockets on PATCH /settings do not stop the writes of others', async (t) => {
  const { service, port, token } = t.context;
  const person = { email: 'idle@example.com', password: 'correct-horse-battery-staple-7' };
  await call(`${service.url}${base}/auth/register`, json(person));
  const { body, status } = await call(`${service.url}${base}/auth/login`, json(person));
  t.is(status, 200);
  const headers = { Authorization: `Bearer ${String(body['access_token'])}`, 'If-Match': '"1"' };
  const sockets = await openSockets(t, { port, from: attacker }, idle('PATCH', '/settings', headers), 256);
  await areReceived(service, sockets);
  const job = `${service.url}${base}/pricing/jobs/0198c0de-0000-7000-8000-000000000000`;
  const write = () => call(job, { method: 'DELETE', headers: { Authorization: `Bearer ${token}` } });
  t.deepEqual(await statuses(times(8, write)), [404], 'a write is not refused');
  for (const { socket } of sockets) socket.destroy();
});

test.serial('a body that stands still is 408 within seconds, and is counted', async (t) => {
  const { service, port } = t.context;
  const counted = async () => metric(await scrape(service), 'volwatch_abuse_refused_total', { kind: 'body_slow' });
  const before = await counted();
  const sockets = await openSockets(t, { port, from: attacker }, `${idle('POST', '/pricing/price')}{`, 20);
  await eventually(() => sockets.every(({ closed }) => closed()), 'every socket is closed', 20_000);
  for (const { answer } of sockets) t.regex(answer(), /^HTTP\/1\.1 408 [^]*"code":"request_timeout"/);
  t.is((await counted()) - before, 20);
});

for (const [name, head, status] of [
  ['GET /auth/me', `GET ${base}/auth/me`, 400],
  ['DELETE of a job', `DELETE ${base}/pricing/jobs/0`, 400],
  ['OPTIONS', `OPTIONS ${base}/auth/me`, 400],
  ['a path that does not exist', 'POST /nowhere', 404],
  ['a method that is not allowed', `PUT ${base}/auth/me`, 405],
  ['a route whose credentials are missing', `POST ${base}/pricing/jobs`, 401],
  ['a route with a smaller limit', `POST ${base}/pricing/price`, 413],
] as const) {
  for (const [framing, header, wrap] of [
    ['declared', 'Content-Length: 10000000000', (filler: Buffer) => filler],
    [
      'chunked',
      'Transfer-Encoding: chunked',
      (filler: Buffer) =>
        Buffer.concat([Buffer.from(`${filler.length.toString(16)}\r\n`), filler, Buffer.from('\r\n')]),
    ],
  ] as const) {
    test.serial(`a flood of ${framing} bytes is not swallowed: ${name}`, async (t) => {
      const { port } = t.context;
      const raw = `${head} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${header}\r\n\r\n`;
      const socket = await openSocket(t, { port, from: attacker }, raw);
      const max = 300_000_000;
      const sent = await floodBody(socket, max, wrap);
      t.true(sent < 50_000_000, `${sent} bytes were taken`);
      await eventually(() => socket.closed(), 'the connection is closed', 5_000);
      t.regex(socket.answer(), new RegExp(`^HTTP/1\\.1 ${status} [^]*\r\nConnection: close\r\n`));
    });
  }
}

test.serial('pipelined requests are served one after the other, not refused as load', async (t) => {
  const { service, port } = t.context;
  // Slow enough to be in progress together, if they were started together.
  const american = { ...option, exercise_style: 'american', model: 'binomial_lr' };
  const body = JSON.stringify({ options: times(20, () => american) });
  const head = `POST ${base}/pricing/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;
  const one = `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  // More on one connection than the class has slots.
  const { answer } = await openSocket(t, { port, from: attacker }, one.repeat(60));
  const answers = (): string[] => answer().match(/HTTP\/1\.1 \d+/g) ?? [];
  await eventually(
    () => answers().length === 60,
    () => `60 answers, so far ${answers().length}`,
    30_000,
  );
  t.deepEqual([...new Set(answers())], ['HTTP/1.1 200']);
  t.is((await price(service)).status, 200);
});

test.serial('a compressed body cannot grow without bound, and the process is unharmed', async (t) => {
  const { service } = t.context;
  const counted = async () => metric(await scrape(service), 'volwatch_abuse_refused_total', { kind: 'body_expansion' });
  const bomb = gzipSync(
    Buffer.concat([Buffer.from('{"options":['), Buffer.alloc(60_000_000, '{},'), Buffer.from('{}]}')]),
  );
  t.true(bomb.length < 100_000);
  const init = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' },
    body: bomb,
  };
  const refused = await Promise.all(times(40, () => call(`${service.url}${base}/pricing/batch`, init)));
  for (const { status } of refused) t.true([413, 429, 503].includes(status), String(status));
  t.true(refused.some(({ status }) => status === 413));
  t.true((await counted()) > 0);
  t.is((await price(service)).status, 200);
  t.is(service.process.exitCode, null);
});
