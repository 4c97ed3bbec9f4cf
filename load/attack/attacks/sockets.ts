import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Attack, Field } from '../attack.ts';
import { each } from '../each.ts';
import { payloads } from '../payloads.ts';
import { leaveAfter, rawRequest, type RawRequest } from '../raw-request.ts';
import type { Outcome } from '../tally.ts';

/** Max time for the answers, in milliseconds. */
const answerMs = 20_000;

/**
 * Collects the statuses of the answers until the service closes the connection, and closes it. Each of the `expected` answers
 * that is missing is `cut`, or `held` if the service still held the connection at the end. Must be called before the
 * first answer can arrive.
 */
export const answersOf = async (socket: Socket, expected: number, signal: AbortSignal): Promise<Outcome[]> => {
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => (text += piece));
  const ended = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
  const missing = await once(socket, 'close', { signal: ended }).then(
    () => 'cut' as const,
    () => 'held' as const,
  );
  socket.destroy();
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  return [...statuses, ...Array.from({ length: expected - statuses.length }, () => missing)];
};

type Idle = Pick<RawRequest, 'method' | 'path' | 'headers' | 'announcedBytes'>;

/** Opens sockets that announce a body and never send it. */
const idle = (field: Field, request: (number: number) => Idle): Promise<void> =>
  each({ ...field, spreadMs: 2_000 }, { parallel: 1_000, grouped: true }, (number, address) =>
    rawRequest({ ...field, address, ...request(number) }),
  );

const json = { 'Content-Type': 'application/json' };

/** The same with signed-in users. The sockets are divided among the users. */
const idleOfUsers = async (field: Field, request: Idle): Promise<void> => {
  const users = await field.people.make(Math.min(5, field.addresses.length));
  await idle(field, (number) => {
    const { token } = users[number % users.length]!;
    return { ...request, headers: { ...json, Authorization: `Bearer ${token}` } };
  });
};

export const idleBodies: readonly [Attack, ...Attack[]] = [
  {
    name: 'idle sockets with announced batches',
    orKinds: ['body_slow'],
    run: (field) =>
      idle(field, () => ({
        method: 'POST',
        path: '/api/v1/pricing/batch',
        headers: json,
        announcedBytes: 60 * 1_048_576,
      })),
  },
  {
    name: 'idle sockets with announced jobs',
    orKinds: ['body_slow'],
    run: (field) => idleOfUsers(field, { method: 'POST', path: '/api/v1/pricing/jobs', announcedBytes: 60_000 }),
  },
  {
    name: 'idle sockets with announced settings',
    orKinds: ['body_slow'],
    run: (field) => idleOfUsers(field, { method: 'PATCH', path: '/api/v1/settings', announcedBytes: 60_000 }),
  },
];

/** The service closes the connection after ANSWER_GRACE_MS without reading, and nothing is shown if the client reads before. */
export const unreadMs = 45_000;

/** Requests the largest answers and does not read them. */
const unread = (field: Field, parallel: number, grouped: boolean): Promise<void> =>
  each(field, { parallel, ...(grouped && { grouped: true }) }, (_, address) =>
    rawRequest({
      ...field,
      address,
      method: 'POST',
      path: '/api/v1/pricing/batch',
      headers: json,
      body: payloads.largeAnswer(),
      unreadMs,
      timeoutMs: unreadMs + 10_000,
    }),
  );

export const slowReaders: Attack = {
  name: 'slow readers, a few for each address',
  slow: true,
  orKinds: ['answer_backlog'],
  run: (field) => unread(field, Math.min(8, 2 * field.addresses.length), false),
};

export const manySlowReaders: Attack = {
  name: 'slow readers, 40 at once',
  slow: true,
  orKinds: ['answer_slow'],
  run: (field) => unread(field, 40, true),
};

/**
 * Many callers with one document each, which they do not read. Together they had filled the memory for answers, and large answers of others were
 * refused.
 */
export const unreadDocuments: Attack = {
  name: 'documents that 432 connections do not read',
  slow: true,
  run: (field) =>
    each(field, { parallel: 432, grouped: true }, (_, address) =>
      rawRequest({
        ...field,
        address,
        method: 'GET',
        path: '/openapi.json',
        headers: { 'Accept-Encoding': 'identity' },
        unreadMs,
        timeoutMs: unreadMs + 10_000,
      }),
    ),
};

/** Requests with the head, with a part of the body, and with large answers, plain and compressed. */
const leaving = (number: number): Pick<RawRequest, 'method' | 'path' | 'headers' | 'body' | 'announcedBytes'> => {
  const encoding = (['identity', 'gzip', 'br', 'zstd'] as const)[number % 4]!;
  const batch = { method: 'POST', path: '/api/v1/pricing/batch' };
  const headers = { ...json, 'Content-Encoding': encoding };
  const requests = [
    { ...batch, headers, announcedBytes: 60_000 },
    { ...batch, headers, body: payloads.largeAnswer().subarray(0, 20_000), announcedBytes: 60_000 },
    { ...batch, headers: { 'Content-Type': 'application/vnd.apache.arrow.stream' }, announcedBytes: 60_000 },
    { ...batch, headers: { ...json, 'Accept-Encoding': encoding }, body: payloads.slowBatch() },
    { method: 'GET', path: '/api/v1/prices?limit=1000', headers: { 'Accept-Encoding': encoding } },
    { method: 'GET', path: '/openapi.json', headers: { 'Accept-Encoding': encoding } },
  ];
  return requests[Math.floor(number / 4) % requests.length]!;
};

export const leavingClients: Attack = {
  name: 'clients that leave at any moment',
  run: (field) =>
    each(field, { parallel: 16 }, (number, address) =>
      rawRequest({ ...field, address, ...leaving(number), afterwards: leaveAfter((number * 7) % 80) }),
    ),
};
