import test from 'ava';
import { z } from 'zod';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { eventually } from '#testkit/eventually.ts';
import { openSocket } from '#testkit/raw-sockets.ts';
import { openRoute, serve } from './support.ts';

const routes = [
  defineRoute({
    ...openRoute,
    method: 'POST',
    path: '/echo',
    request: { body: z.strictObject({ n: z.number() }) },
    responses: { 200: z.strictObject({ n: z.number() }) },
    handler: async ({ body }) => ({ status: 200, body }),
  }),
  defineRoute({
    ...openRoute,
    method: 'GET',
    path: '/smuggled',
    request: {},
    responses: { 200: z.strictObject({ reached: z.boolean() }) },
    handler: async () => ({ status: 200, body: { reached: true } }),
  }),
];

const smuggled = 'GET /api/v1/smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const post = (headers: string, body: string, end = '\r\n'): string =>
  `POST /api/v1/echo HTTP/1.1${end}Host: a${end}Content-Type: application/json${end}${headers}${end}${end}${body}`;
const chunked = `7\r\n{"n":1}\r\n0\r\n\r\n`;

/** Requests that two parsers may cut in two places: each must be refused, and nothing after it be answered. */
const ambiguous: readonly (readonly [name: string, bytes: string])[] = [
  ['a length and chunks', post('Content-Length: 5\r\nTransfer-Encoding: chunked', chunked + smuggled)],
  ['chunks and a length', post('Transfer-Encoding: chunked\r\nContent-Length: 5', chunked + smuggled)],
  ['two lengths that differ', post('Content-Length: 7\r\nContent-Length: 50', `{"n":1}${smuggled}`)],
  ['two lengths that agree', post('Content-Length: 7\r\nContent-Length: 7', `{"n":1}${smuggled}`)],
  ['a list of lengths', post('Content-Length: 7, 7', `{"n":1}${smuggled}`)],
  ['a signed length', post('Content-Length: +7', `{"n":1}${smuggled}`)],
  ['a negative length', post('Content-Length: -7', `{"n":1}${smuggled}`)],
  ['a hexadecimal length', post('Content-Length: 0x7', `{"n":1}${smuggled}`)],
  ['a length beyond any number', post(`Content-Length: ${'9'.repeat(30)}`, `{"n":1}${smuggled}`)],
  ['an unknown transfer coding', post('Transfer-Encoding: xchunked', chunked + smuggled)],
  ['a coding before chunked', post('Transfer-Encoding: gzip, chunked', chunked + smuggled)],
  [
    'chunks in HTTP/1.0',
    post('Transfer-Encoding: chunked\r\nConnection: keep-alive', chunked + smuggled).replace('HTTP/1.1', 'HTTP/1.0'),
  ],
  ['a coding after chunked', post('Transfer-Encoding: chunked, identity', chunked + smuggled)],
  [
    'chunked twice, the second disguised',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: x', chunked + smuggled),
  ],
  ['a space before the colon', post('Transfer-Encoding : chunked', chunked + smuggled)],
  ['a header on a folded line', post('X-A: b\r\n Transfer-Encoding: chunked', chunked + smuggled)],
  ['a vertical tab', post('Transfer-Encoding:\vchunked', chunked + smuggled)],
  ['a NUL in a header', post('X-A: a\0b\r\nContent-Length: 7', `{"n":1}${smuggled}`)],
  ['a bare CR in a header', post('X-A: a\rTransfer-Encoding: chunked\r\nContent-Length: 7', `{"n":1}${smuggled}`)],
  ['bare line feeds', post('Content-Length: 7', `{"n":1}${smuggled}`, '\n')],
  ['a chunk size that is no number', post('Transfer-Encoding: chunked', `g\r\n{"n":1}\r\n0\r\n\r\n${smuggled}`)],
  ['a chunk size with a sign', post('Transfer-Encoding: chunked', `+7\r\n{"n":1}\r\n0\r\n\r\n${smuggled}`)],
  ['a chunk longer than it says', post('Transfer-Encoding: chunked', `2\r\n{"n":1}\r\n0\r\n\r\n${smuggled}`)],
  ['a chunk that ends in LF', post('Transfer-Encoding: chunked', `7\n{"n":1}\n0\n\n${smuggled}`)],
  ['a method of its own', `GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}`],
  ['HTTP/0.9', `GET /api/v1/smuggled\r\n${smuggled}`],
  ['HTTP/0.9 and its end', 'GET /api/v1/smuggled\r\n\r\n'],
  ['HTTP/0.9 with a Host', 'GET /api/v1/smuggled\r\nHost: a\r\n\r\n'],
  ['HTTP/3.0', `GET /api/v1/smuggled HTTP/3.0\r\nHost: a\r\n\r\n${smuggled}`],
  ['a space in the target', `GET /api/v1/ smuggled HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}`],
];

for (const [name, bytes] of ambiguous) {
  test(`refuses ${name}, and answers nothing behind it`, async (t) => {
    const { raw } = await serve(t, { routes });
    const answer = await raw(bytes, 5_000);
    t.regex(answer, /^HTTP\/1\.1 400 /, answer.slice(0, 200));
    t.true(answer.includes('"code":"malformed_request"'));
    t.is(answer.split('HTTP/1.1 ').length - 1, 1, answer);
    t.false(answer.includes('reached'));
  });

  test(`refuses ${name} behind another request, and answers nothing behind it`, async (t) => {
    const { raw } = await serve(t, { routes });
    const answer = await raw(post('Content-Length: 7', '{"n":1}') + bytes, 5_000);
    t.false(answer.includes('reached'), answer);
    const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status);
    // The parser refuses some of them before the first request is answered.
    t.true(['200,400', '400'].includes(statuses.join()), answer);
  });
}

test('an empty body with a coding before chunked is the last one of its connection too', async (t) => {
  const { raw } = await serve(t, { routes });
  const answer = await raw(post('Transfer-Encoding: gzip, chunked', '0\r\n\r\n') + smuggled, 5_000);
  t.regex(answer, /^HTTP\/1\.1 400 /);
  t.false(answer.includes('reached'), answer);
});

test('what is not ambiguous is two requests: pipelined, each with its own answer', async (t) => {
  const { raw } = await serve(t, { routes });
  const answer = await raw(post('Transfer-Encoding: chunked', chunked) + smuggled, 5_000);
  t.is(answer.split('HTTP/1.1 200 ').length - 1, 2, answer);
  t.true(answer.includes('{"n":1}'));
  t.true(answer.includes('{"reached":true}'));
});

test('a body that was refused unread is not taken for the next request', async (t) => {
  const { raw } = await serve(t, { routes });
  const large = post(`Content-Length: ${5_000 + smuggled.length}`, `${' '.repeat(5_000)}${smuggled}`);
  const answer = await raw(large, 1_000);
  t.regex(answer, /^HTTP\/1\.1 413 /);
  t.false(answer.includes('reached'));
  const unknown = smuggled.replace('GET /api/v1/smuggled', 'POST /nowhere');
  const refused = await raw(
    unknown.replace('\r\n\r\n', `\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`),
    300,
  );
  t.regex(refused, /^HTTP\/1\.1 404 /);
  t.false(refused.includes('reached'));
});

/** A client that asks for another protocol, as that of Java does for HTTP/2 with its first request. */
const upgrade = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA';
const upgrading: readonly (readonly [name: string, bytes: string])[] = [
  ['without a body', `GET /api/v1/smuggled HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n\r\n`],
  ['with a length', post(`${upgrade}\r\nContent-Length: 7`, '{"n":1}')],
  ['with chunks', post(`${upgrade}\r\nTransfer-Encoding: chunked`, chunked)],
];

for (const [name, bytes] of upgrading) {
  test(`a request ${name} that asks for another protocol is answered, and is the last one of its connection`, async (t) => {
    const { port } = await serve(t, { routes });
    const { socket, answer, closed } = await openSocket(t, { port }, bytes + post('Content-Length: 7', '{"n":2}'));
    await eventually(() => answer().includes('HTTP/1.1 200 '), 'the request is answered');
    socket.write(post('Content-Length: 7', '{"n":3}'));
    await eventually(closed, 'the connection is closed');
    t.regex(answer(), /^connection: close\r$/im);
    t.is(
      answer().split('HTTP/1.1 ').length - 1,
      1,
      'the answer of the third request does not stand for the second one',
    );
  });
}
