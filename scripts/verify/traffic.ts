import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  call,
  clearFault,
  json,
  option,
  refresh,
  setFault,
  takeToken,
  type Answer,
  metric,
  scrape,
} from '#testkit/running-service.ts';
import { optionOfModel } from '#testkit/pricing-reference/option-of-model.ts';
import { eventually } from '#testkit/eventually.ts';
import type { Stack } from './stack.ts';

/** Sends only requests that succeed. */
export const quietRound = async ({ service }: Stack): Promise<void> => {
  const api = `${service.url}/api/v1`;
  await Promise.all([
    ...['/pricing/price', '/pricing/greeks'].map((path) => call(`${api}${path}`, json(option))),
    ...['/assets', '/assets/AAPL/prices?limit=20', '/indexes'].map((path) => call(`${api}${path}`)),
  ]);
};

/** Normal traffic: each route once, and some requests with errors of the caller. */
export const ordinaryRound = async ({ service }: Stack, token: string): Promise<void> => {
  const api = `${service.url}/api/v1`;
  const post = (path: string, body: unknown): Promise<Answer> => call(`${api}${path}`, json(body));
  const get = (path: string): Promise<Answer> => call(`${api}${path}`);
  const authorized = { headers: { Authorization: `Bearer ${token}` } };
  for (const body of Object.values(optionOfModel)) await post('/pricing/price', body);
  const rows = Array.from({ length: 200 }, (_, row) => ({ ...option, strike: 90 + row / 10 }));
  await Promise.all([
    post('/pricing/greeks', option),
    post('/pricing/implied-volatility', { ...option, volatility: undefined, price: 4.4 }),
    post('/pricing/batch', { options: rows }),
    post('/pricing/calibrate', {
      spot: 100,
      rate: 0.02,
      quotes: [90, 95, 100, 105, 110, 120].map((strike) => ({
        strike,
        time_to_expiry: strike / 100,
        option_type: 'call',
        implied_volatility: 0.2 + (100 - strike) / 400,
      })),
    }),
    post('/pricing/grid', { option, spot_shifts: [-0.1, 0, 0.1] }),
    post('/pricing/batch', { columns: { ...option, strike: rows.map(({ strike }) => strike) } }),
    post('/pricing/batch', { options: [{ ...option, spot: -1 }, option] }),
    post('/pricing/price', { ...option, spot: 'a hundred' }),
    get('/assets'),
    get('/assets/AAPL'),
    get('/assets/AAPL/prices?limit=20'),
    get('/assets/NOBODY'),
    get('/indexes'),
    get('/indexes/TECH5_EW'),
    get('/indexes/TECH5_EW/values?limit=20'),
    get('/indexes/TECH5_EW/explain'),
    get('/no-such-route'),
    call(`${api}/auth/me`, authorized),
    call(`${api}/auth/me`, { headers: { Authorization: 'Bearer a.b.c' } }),
    call(`${api}/auth/me`),
    call(`${api}/refreshes`, authorized),
    ...(['ewma', 'garch11'] as const).map((method) =>
      call(
        `${api}/ml/volatility-forecast`,
        json({ symbol: '^GSPC', method, horizon_days: 21 }, { Authorization: `Bearer ${token}` }),
      ),
    ),
  ]);
};

/** Uploads rows to a universe, which is made if it does not exist. Its symbol is its name in capitals. */
export const uploadTo = async (
  { service: { url } }: Pick<Stack, 'service'>,
  token: string,
  universe: string,
  rows: string,
  exchange: string | null = null,
) => {
  const authorization = { Authorization: `Bearer ${token}` };
  const assets = [{ symbol: universe.toUpperCase() }];
  const definition = { source: 'upload', interval: '1day', exchange, assets, indexes: [] };
  const create = json(definition, { ...authorization, 'If-None-Match': '*' });
  await call(`${url}/api/v1/universes/${universe}`, { ...create, method: 'PUT' });
  return call(`${url}/api/v1/universes/${universe}/prices`, {
    method: 'POST',
    headers: { ...authorization, 'Content-Type': 'text/csv', Prefer: 'wait=10' },
    body: `symbol,date,close\n${rows}\n`,
  });
};

/** Files whose rows are written, held back and refused. */
const uploadRound = async (stack: Stack, token: string): Promise<void> => {
  for (const rows of ['UPLOADED,2024-01-02,100\nUPLOADED,2024-01-03,100000', 'UNKNOWN,2024-01-02,100']) {
    await uploadTo(stack, token, 'uploaded', rows);
  }
  await uploadTo(stack, token, 'holes', 'HOLES,2024-01-02,100\nHOLES,2024-01-04,100', 'XNYS');
  const measured = async (): Promise<number> =>
    metric(await scrape(stack.service), 'volwatch_universe_missing_bars', { universe: 'holes', age: 'older' });
  await eventually(async () => (await measured()) === 1, 'the missing bar is counted', 15_000);
};

/** A refresh that commits, several that collide, and one that rolls back. */
export const refreshRound = async (stack: Stack, token: string): Promise<void> => {
  const { service } = stack;
  await refresh(service, token, 'tech5');
  await Promise.all([
    refresh(service, token, 'sp500'),
    refresh(service, token, 'sp500'),
    refresh(service, token, 'sp500'),
  ]);
  await setFault(service, 'refresh.commit', { mode: 'error', count: 1 });
  await refresh(service, token, 'tech5');
  await clearFault(service, 'refresh.commit');
  await uploadRound(stack, token);
};

/** Returns the URL of the first webhook. Creates a webhook to the receiver if there is none. */
const webhookOf = async ({ service, receiver }: Stack, token: string): Promise<string> => {
  const url = `${service.url}/api/v1/webhooks`;
  const authorization = { Authorization: `Bearer ${token}` };
  const { body } = await call(url, { headers: authorization });
  const [known] = body['data'] as { readonly id: string }[];
  if (known) return `${url}/${known.id}`;
  const made = await call(url, json({ url: receiver.url, events: ['refresh.succeeded'] }, authorization));
  return `${url}/${String(made.body['id'])}`;
};
export const testWebhook = async (stack: Stack, token: string): Promise<Answer> =>
  call(`${await webhookOf(stack, token)}/test`, { method: 'POST', headers: { Authorization: `Bearer ${token}` } });

/** Two webhook deliveries: one fails and one succeeds. */
export const webhookRound = async (stack: Stack, token: string): Promise<void> => {
  const { service, receiver } = stack;
  for (const [fault, outcome] of [
    [500, 'dead'],
    [undefined, 'delivered'],
  ] as const) {
    const ended = async (): Promise<number> =>
      metric(await scrape(service), 'volwatch_webhook_deliveries_total', { outcome });
    const before = await ended();
    receiver.fault = fault;
    await testWebhook(stack, token);
    await eventually(async () => (await ended()) > before, `a webhook is ${outcome}`);
  }
};

/** Connects a calendar of the caller if there is none, as a browser does. */
export const connectCalendar = async (
  { service, google }: Pick<Stack, 'service' | 'google'>,
  token: string,
): Promise<void> => {
  const url = `${service.url}/api/v1/calendar`;
  const headers = { Authorization: `Bearer ${token}` };
  const { body } = await call(`${url}/connection`, { headers });
  if (body['status'] === 'connected') return;
  const asked = await call(`${url}/connect`, { headers, redirect: 'manual' });
  await call(google.consent(asked.headers.get('location') ?? '').href, { headers });
};

export const syncCalendar = async (stack: Stack, token: string): Promise<Answer> => {
  await connectCalendar(stack, token);
  const headers = { Authorization: `Bearer ${token}` };
  return call(`${stack.service.url}/api/v1/calendar/sync/auto`, { method: 'POST', headers });
};

/** Syncs that succeed, with a new event and a new access token. */
export const calendarRound = async (stack: Stack, token: string): Promise<void> => {
  const start = { dateTime: '2027-03-01T09:00:00Z' };
  stack.google.put({ id: `round-${stack.google.calls.length}`, summary: 'Round', start, end: start });
  await syncCalendar(stack, token);
  stack.google.endAccessTokens();
  await syncCalendar(stack, token);
};

const mailUser = { email: 'mail@example.org', password: 'a rather long sentence' };

/** Asks for a message that resets a password. The account is made if there is none. */
export const askForReset = async ({ service }: Pick<Stack, 'service'>): Promise<Answer> => {
  await call(`${service.url}/api/v1/auth/register`, json(mailUser));
  return call(`${service.url}/api/v1/account/password-reset`, json({ email: mailUser.email }));
};

/** A message that arrives. */
export const mailRound = async (stack: Stack): Promise<void> => {
  const before = stack.smtp.received.length;
  const { status, body } = await askForReset(stack);
  if (status !== 202) throw new Error(`a request for a message was answered ${status} ${JSON.stringify(body)}`);
  await eventually(() => stack.smtp.received.length > before, 'a message is sent', 30_000);
};

/** A change whose caller is refused inside its transaction, because the webhook does not exist. */
export const refusedRound = ({ service }: Stack, token: string): Promise<Answer> =>
  call(`${service.url}/api/v1/webhooks/01900000-0000-7000-8000-000000000000`, {
    method: 'DELETE',
    headers: { Authorization: `Bearer ${token}` },
  });

let asked = 0;
/** Reads an asset code that was not requested before, so that no cache has the answer. */
export const uncachedRead = ({ service }: Stack): Promise<Answer> => {
  asked += 1;
  return call(`${service.url}/api/v1/assets/NOBODY${asked}`);
};

/** Sends requests for three seconds, `parallel` at any time. @returns the answers */
export const steadily = async (parallel: number, send: () => Promise<Answer>): Promise<Answer[]> => {
  const end = performance.now() + 3_000;
  const answers: Answer[] = [];
  const sendInTurn = async (): Promise<void> => {
    do answers.push(await send());
    while (performance.now() < end);
  };
  await Promise.all(Array.from({ length: parallel }, sendInTurn));
  return answers;
};

/** A replica stops answering, is excluded from reads, and is used again after it recovers. */
const replicaRound = async (stack: Stack): Promise<void> => {
  const { service, replica } = stack;
  const readFrom = async (): Promise<number> =>
    metric(await scrape(service), 'db_client_connection_wait_time_seconds_count', { pool: 'replica_1' });
  const isReadFrom = async (): Promise<void> => {
    const before = await readFrom();
    await eventually(async () => {
      await uncachedRead(stack);
      return (await readFrom()) > before;
    }, 'the replica is read from');
  };
  await isReadFrom();
  replica.blackhole();
  await Promise.all([uncachedRead(stack), uncachedRead(stack)]);
  replica.cut();
  replica.restore();
  await isReadFrom();
};

/** Traffic with faults: each dependency fails once, and fault points cause errors in the service. */
export const badRound = async (stack: Stack, token: string): Promise<void> => {
  const { service, provider, redis } = stack;
  // The batch is large enough for the pricing workers.
  await call(
    `${service.url}/api/v1/pricing/batch`,
    json({ columns: { ...option, strike: Array.from({ length: 20_000 }, (_, row) => 50 + row / 200) } }),
  );
  await setFault(service, 'pricing.engine', { mode: 'error', count: 3, error_code: 'internal_error' });
  await setFault(service, 'auth.verify', { mode: 'error', count: 2 });
  await ordinaryRound(stack, token);
  await clearFault(service, 'pricing.engine');
  await clearFault(service, 'auth.verify');
  provider.fault = { kind: 'status', status: 500 };
  for (let attempt = 0; attempt < 3; attempt += 1) await refresh(service, token, 'tech5');
  provider.fault = undefined;
  await replicaRound(stack);
  await redis.stop();
  await ordinaryRound(stack, token);
  await redis.start();
  await ordinaryRound(stack, token);
};

/** Sends more sign-ins than the limit of one address allows. */
export const limitedRound = async ({ service }: Stack, requests: number): Promise<void> => {
  for (let sent = 0; sent < requests; sent += 1) {
    await call(`${service.url}/api/v1/auth/login`, json({ email: 'nobody@example.org', password: 'not the password' }));
  }
};

/** Sends more reads at once than the pool has connections, over a slow network. */
export const saturatedRound = async (stack: Stack, latencyMs = 150): Promise<void> => {
  const { database, replica } = stack;
  for (const proxy of [database, replica]) proxy.latency(latencyMs);
  await Promise.all(Array.from({ length: 24 }, () => uncachedRead(stack)));
  for (const proxy of [database, replica]) proxy.latency(0);
};

/** Sends several requests at once on each of many connections, so that some wait for their start. */
export const burstRound = async ({ service }: Stack): Promise<void> => {
  const { hostname, port } = new URL(service.url);
  const ask = (end: string) => `GET /api/v1/pricing/models HTTP/1.1\r\nHost: a\r\n${end}\r\n`;
  const sockets = Array.from({ length: 20 }, () => connect(Number(port), hostname).resume());
  for (const socket of sockets) socket.write(ask('').repeat(3) + ask('Connection: close\r\n'));
  await Promise.all(sockets.map((socket) => once(socket, 'close')));
};

export { takeToken };

/** Reads the same page until it is answered from a stale cache entry. CACHE_TTL_SECONDS is 1 here. */
export const staleRound = async ({ service }: Stack): Promise<void> => {
  for (let read = 0; read < 6; read += 1) {
    await call(`${service.url}/api/v1/assets/IBM/prices?limit=7`);
    await sleep(500);
  }
};
