import test from 'ava';
import { z } from 'zod';
import { createLoadShedding } from '#src/http/admission/load-shedding.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { floodBody, openSocket, openSockets } from '#testkit/raw-sockets.ts';
import { jsonBody, serve } from '../support.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { bodyRoutes, idle, post } from './routes.ts';

const limits = { pricing: 4, batch: 4, read: 4, write: 4 };
const shedding = (overrides: Partial<Parameters<typeof createLoadShedding>[0]> = {}) => {
  const metrics = recordMetrics();
  const abuse = recordAbuse();
  const { kinds } = abuse;
  const loadShedding = createLoadShedding(
    { limits, callerPercent: 50, lagMs: 60_000, ...overrides },
    { metrics, abuse, starts: { afterWaiting: (done) => done() } },
  );
  return { loadShedding, metrics, kinds };
};
const served = (answer: string): number => answer.split('HTTP/1.1 200 ').length - 1;

test('a slot is taken when the body is there: clients that do not send hold none', async (t) => {
  const { loadShedding } = shedding();
  const { port, call } = await serve(t, { routes: bodyRoutes(), loadShedding });
  const sockets = await openSockets(t, { port, from: '127.0.0.2' }, idle('/pricing/price'), 50);
  for (let request = 0; request < 8; request += 1) {
    t.is((await call('/api/v1/pricing/price', jsonBody({}))).status, 200);
  }
  t.true(sockets.every(({ answer }) => answer() === ''));
});

test('a caller reaches his share of the slots, another caller is served meanwhile', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { loadShedding, metrics, kinds } = shedding();
  const { port, call } = await serve(t, { routes: bodyRoutes(() => gate.promise), loadShedding });
  const request = post('/pricing/price', { 'Content-Length': '2' }, '{}');
  const sockets = await openSockets(t, { port, from: '127.0.0.2' }, request, 5);
  await eventually(() => sockets.filter(({ answer }) => answer() !== '').length === 3, 'three sockets have an answer');
  for (const { answer } of sockets.filter(({ answer }) => answer() !== '')) {
    t.regex(answer(), /^HTTP\/1\.1 429 [^]*"code":"concurrency_limit_exceeded"/);
  }
  t.is(metrics.value('volwatch_load_shed_total', { load_class: 'pricing', reason: 'caller' }), 3);
  t.deepEqual(new Set(kinds), new Set(['concurrency_by_caller']));
  const other = call('/api/v1/pricing/price', jsonBody({}));
  gate.resolve();
  t.is((await other).status, 200);
  await eventually(() => sockets.every(({ answer }) => answer() !== ''), 'every socket has an answer');
  t.is((await call('/api/v1/pricing/price', jsonBody({}))).status, 200);
});

test('a slot is given back when its client leaves in the middle of the work', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { loadShedding } = shedding({ limits: { ...limits, pricing: 1 } });
  const { port, call } = await serve(t, { routes: bodyRoutes(() => gate.promise), loadShedding });
  const { socket } = await openSocket(t, { port }, post('/pricing/price', { 'Content-Length': '2' }, '{}'));
  await eventually(
    async () => (await call('/api/v1/pricing/price', jsonBody({}))).status === 503,
    'a request is refused',
  );
  socket.destroy();
  t.is((await call('/api/v1/pricing/price', jsonBody({}))).status, 503, 'the work goes on');
  gate.resolve();
  await eventually(
    async () => (await call('/api/v1/pricing/price', jsonBody({}))).status === 200,
    'a request is served again',
  );
});

test('pipelined requests take one slot after the other', async (t) => {
  const { loadShedding, metrics } = shedding({ limits: { ...limits, pricing: 1 } });
  // The duration of the handler: requests of one connection must not overlap.
  const work = async () => new Promise<void>((resolve) => setTimeout(resolve, 2));
  const { port, raw } = await serve(t, { routes: bodyRoutes(work), loadShedding });
  const request = post('/pricing/price', { 'Content-Length': '2' }, '{}');
  const { answer } = await openSocket(t, { port }, request.repeat(200));
  await eventually(
    () => served(answer()) === 200,
    () => `all are served, of which ${served(answer())}`,
    20_000,
  );
  t.is(metrics.value('volwatch_load_shed_total'), 0);
  // In their order, with what stands between them: a refusal closes nothing, a body that is read is not a request.
  const plain = 'GET /api/v1/plain HTTP/1.1\r\nHost: a\r\n\r\n';
  const mixed = await raw(`${request}${plain.replace('plain', 'none')}${request}${plain}`, 500);
  t.deepEqual(mixed.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200', 'HTTP/1.1 200']);
});

test('the requests of one piece of data give other connections their turn', async (t) => {
  let begun = 0;
  const busy = defineRoute({
    method: 'GET',
    path: '/busy',
    tag: 'test',
    summary: 'For tests',
    auth: 'public',
    rateLimit: 'none',
    load: 'read',
    request: {},
    responses: { 200: z.strictObject({}) },
    errors: [],
    handler: async () => {
      begun += 1;
      // Time on the event loop, as the code of the service takes it.
      const end = performance.now() + 2;
      while (performance.now() < end);
      return { status: 200 as const, body: {} };
    },
  });
  const { port, call } = await serve(t, { routes: [...bodyRoutes(), busy] });
  const { answer } = await openSocket(t, { port }, 'GET /api/v1/busy HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(400));
  await eventually(() => begun > 0, 'the first one has begun');
  t.is((await call('/api/v1/plain')).status, 200);
  t.true(begun < 200, `${begun} of 400 were served before another caller`);
  await eventually(
    () => served(answer()) === 400,
    () => `all are served, of which ${served(answer())}`,
    20_000,
  );
});

test('a connection that pipelines without end is cut, and counted', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { port, call, kinds } = await serve(t, { routes: bodyRoutes(() => gate.promise), pipelineLimit: 100 });
  const { closed } = await openSocket(
    t,
    { port },
    post('/pricing/price', { 'Content-Length': '2' }, '{}') +
      'GET /api/v1/plain HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(5_000),
  );
  await eventually(() => closed(), 'the connection is closed');
  t.true(kinds.length > 0 && kinds.every((kind) => kind === 'concurrency_by_caller'));
  t.is((await call('/api/v1/plain')).status, 200);
  gate.resolve();
});

test('a body is refused where none is taken; the rest of a large one is not read', async (t) => {
  const { port, call, kinds } = await serve(t, { routes: bodyRoutes(), limits: { discardBytes: 100_000 } });
  const small = await call('/api/v1/plain', { method: 'OPTIONS', body: 'body' });
  t.is(small.status, 400);
  t.like(await small.json(), { code: 'body_unexpected', category: 'validation' });
  t.not(small.headers.get('connection'), 'close', 'a small one costs nothing');
  const get = 'GET /api/v1/plain HTTP/1.1\r\nHost: a\r\n';
  const { answer, closed } = await openSocket(t, { port }, `${get}Content-Length: 5\r\n\r\nhello${get}\r\n`);
  await eventually(
    () => /^HTTP\/1\.1 400 [^]*HTTP\/1\.1 200 /.test(answer()),
    () => `400, then 200 on one connection: ${answer()}`,
  );
  t.false(closed());
  const flood = await openSocket(t, { port }, `${get}Content-Length: 5000000000\r\n\r\n`);
  const sent = await floodBody(flood, 200_000_000);
  t.true(sent < 30_000_000, `${sent} bytes were taken`);
  await eventually(() => flood.closed(), 'the connection of the flood is closed');
  t.regex(flood.answer(), /^HTTP\/1\.1 400 [^]*\r\nConnection: close\r\n/);
  t.deepEqual(new Set(kinds), new Set(['body_unexpected']));
});

test('what follows a body that is not read to its end is not taken for a request', async (t) => {
  let worked = 0;
  const work = async () => void (worked += 1);
  const { port } = await serve(t, { routes: bodyRoutes(work), limits: { discardBytes: 1_000 } });
  const request = post('/pricing/price', { 'Content-Length': '2' }, '{}');
  const large = `GET /api/v1/plain HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n`;
  const { socket, answer, closed } = await openSocket(t, { port }, large);
  await eventually(() => answer().includes('"body_unexpected"'), 'the unexpected body is refused');
  socket.write(' '.repeat(2_000) + request);
  await eventually(() => closed(), 'the connection is closed');
  t.is(worked, 0);
  t.is(answer().split('HTTP/1.1 ').length - 1, 1);
});

test('a client that waits for 100 Continue is asked for a body that will be read, and only then', async (t) => {
  const { port } = await serve(t, { routes: bodyRoutes() });
  const expects = { 'Content-Length': '2', Expect: '100-continue' };
  const asked = await openSocket(t, { port }, post('/pricing/price', expects));
  await eventually(() => asked.answer().startsWith('HTTP/1.1 100 '), '100 Continue is sent');
  asked.socket.write('{}');
  await eventually(() => served(asked.answer()) === 1, 'the request is served');
  for (const [path, headers, status] of [
    ['/nowhere', expects, 404],
    ['/pricing/price', { ...expects, 'Content-Length': '900000' }, 413],
    ['/pricing/price', { ...expects, 'Content-Type': 'text/plain' }, 415],
  ] as const) {
    const refused = await openSocket(t, { port }, post(path, headers));
    await eventually(
      () => refused.closed(),
      () => `${path} is closed: ${refused.answer()}`,
    );
    t.regex(refused.answer(), new RegExp(`^HTTP/1\\.1 ${status} `));
  }
});

const waiting = defineRoute({
  method: 'PATCH',
  path: '/waiting/{id}',
  tag: 'test',
  summary: 'For tests',
  auth: 'program',
  rateLimit: 'none',
  load: 'write',
  idempotency: true,
  request: {
    path: z.strictObject({ id: z.string().max(3) }),
    query: z.strictObject({ n: z.coerce.number().optional() }),
    headers: z.object({ 'if-match': z.string().optional() }),
    body: z.strictObject({}),
  },
  responses: { 200: z.strictObject({}) },
  errors: ['precondition_required'],
  checkHead: ({ headers }) => {
    if (headers['if-match'] === undefined) throw new AppError('precondition_required');
  },
  handler: async () => ({ status: 200, body: {} }),
});

test('a client that waits for 100 Continue gets the refusal that its head decides, and never sends its body', async (t) => {
  const principal = { kind: 'client', subject: 'desk', scopes: [] } as const;
  const { port } = await serve(t, {
    routes: [waiting],
    authenticate: async ({ headers }) => (headers.authorization === undefined ? undefined : principal),
  });
  const patch = (path: string, headers: string) =>
    `PATCH /api/v1${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n` +
    `Expect: 100-continue\r\n${headers}\r\n`;
  const known = 'Authorization: Bearer x\r\n';
  for (const [what, path, headers, status] of [
    ['no credentials', '/waiting/1', 'If-Match: *\r\n', 401],
    ['a query that breaks its schema', '/waiting/1?n=x', `${known}If-Match: *\r\n`, 422],
    ['an unknown query name', '/waiting/1?m=1', `${known}If-Match: *\r\n`, 422],
    ['a path that breaks its schema', '/waiting/12345', `${known}If-Match: *\r\n`, 422],
    ['an invalid Idempotency-Key', '/waiting/1', `${known}If-Match: *\r\nIdempotency-Key: a b\r\n`, 422],
    ['a missing If-Match', '/waiting/1', known, 428],
  ] as const) {
    const refused = await openSocket(t, { port }, patch(path, headers));
    await eventually(
      () => refused.closed(),
      () => `${what}: the connection is closed: ${refused.answer()}`,
    );
    t.regex(refused.answer(), new RegExp(`^HTTP/1\\.1 ${status} `), what);
    t.notRegex(refused.answer(), /HTTP\/1\.1 100/, what);
  }
  const asked = await openSocket(t, { port }, patch('/waiting/1', `${known}If-Match: *\r\n`));
  await eventually(() => asked.answer().startsWith('HTTP/1.1 100 '), '100 Continue is sent');
  asked.socket.write('{}');
  await eventually(() => served(asked.answer()) === 1, 'the request is served');
});
