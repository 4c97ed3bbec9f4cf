import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { createGoogleHttp } from '#src/calendar/google/google-http.ts';
import { createProviderRequests } from '#src/market-data/providers/http/provider-requests.ts';
import { createSend } from '#src/webhooks/sender/send.ts';

/** A server that answers each request with interim answers, as long as the client takes them. */
const startEndlessServer = async (t: ExecutionContext): Promise<{ url: string; sentBytes: () => number }> => {
  const answers = 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(500);
  let sentBytes = 0;
  const server = createServer((socket) => {
    const send = (): void => {
      if (socket.destroyed) return;
      sentBytes += answers.length;
      socket.write(answers, () => setImmediate(send));
    };
    socket.on('error', () => {}).once('data', send);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sentBytes: () => sentBytes };
};

const timeoutMs = 10_000;
const clients: Readonly<Record<string, (t: ExecutionContext, url: string, signal: AbortSignal) => Promise<unknown>>> = {
  'src/webhooks/sender/send.ts': (_, url, signal) =>
    createSend({ timeoutMs, privateAddresses: true })({ url, headers: {}, body: '{}', signal }),
  'src/calendar/google/google-http.ts': (t, url, signal) => {
    const http = createGoogleHttp({ connectTimeoutMs: timeoutMs, maxBodyBytes: 1_000 });
    t.teardown(http.close);
    return http.send({ url: new URL(url) }, signal);
  },
  'src/market-data/providers/http/provider-requests.ts': (t, url, signal) => {
    const requests = createProviderRequests({ baseUrl: url, headers: {}, connectTimeoutMs: timeoutMs });
    t.teardown(requests.close);
    return requests.get('prices', {}, signal);
  },
};

for (const [file, call] of Object.entries(clients)) {
  test(`${file} gives up a server that sends interim answers without end`, async (t) => {
    const { url, sentBytes } = await startEndlessServer(t);
    await t.throwsAsync(call(t, url, AbortSignal.timeout(timeoutMs)), { code: 'external_api_unavailable' });
    t.true(sentBytes() < 5_000_000, `${sentBytes()} bytes were taken`);
  });
}

test('each module that sends requests is in this list', (t) => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).map((name) => `src/${name}`);
  const senders = files.filter(
    (file) =>
      file.endsWith('.ts') &&
      /import .*\b(?:Client|Agent|Pool|request|fetch)\b.* from 'undici'/.test(readFileSync(file, 'utf8')),
  );
  t.deepEqual(senders.toSorted(), Object.keys(clients).toSorted());
});
