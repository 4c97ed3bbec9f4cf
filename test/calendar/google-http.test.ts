import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { AccountRefused, createGoogleHttp } from '#src/calendar/google/google-http.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';

const html = '<!doctype html><title>Forbidden</title>';
/** Beyond the limits of the structure: 30 levels. */
const deep = '['.repeat(30);
const maxBodyBytes = 1_000_000;
const bodies: Readonly<Record<string, string>> = { html, deep, large: 'x'.repeat(maxBodyBytes + 1) };

test('only an answer with status 200 is refused for the structure of its body', async (t) => {
  const server = createServer((request, response) => {
    const [, status, kind] = request.url!.split('/');
    response.writeHead(Number(status)).end(bodies[kind!]);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const http = createGoogleHttp({ connectTimeoutMs: 5_000, maxBodyBytes });
  t.teardown(async () => {
    await http.close();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const send = (path: string, accessToken?: string) =>
    http.send(
      { url: new URL(`http://127.0.0.1:${port}/${path}`), ...(accessToken && { accessToken }) },
      AbortSignal.timeout(10_000),
    );
  // The callers decide by these statuses that a consent or a sync token has ended.
  for (const status of [400, 401, 403, 410])
    for (const kind of ['html', 'deep']) t.like(await send(`${status}/${kind}`), { status, body: undefined }, kind);
  t.like(await send('200/html'), { status: 200, body: undefined });
  const error = await t.throwsAsync(send('200/deep'), { instanceOf: AppError });
  t.is(error.code, 'external_api_bad_response');
  t.is(error.message, 'Google answered with JSON beyond its limits');
  // The data of one account are no fault of Google, which would open the circuit for all.
  for (const kind of ['deep', 'large']) {
    const refused = await t.throwsAsync(send(`200/${kind}`, 'token'), { instanceOf: AccountRefused }, kind);
    t.is(refused.error.code, 'external_api_bad_response');
  }
});
