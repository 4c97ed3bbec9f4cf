import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { once } from 'node:events';
import type { Attack } from '../attack.ts';
import { each } from '../each.ts';
import { payloads } from '../payloads.ts';
import { rawRequest } from '../raw-request.ts';
import type { Outcome } from '../tally.ts';

const pricingJobs = '/api/v1/pricing/jobs';

const openJob = async (port: number, token: string): Promise<string | undefined> => {
  const answer = await fetch(`http://127.0.0.1:${port}${pricingJobs}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: '{}',
  }).catch(() => undefined);
  const body = (await answer?.json().catch(() => undefined)) as { readonly id?: string } | undefined;
  return body?.id;
};

export const jobStorage: Attack = {
  name: 'job storage',
  // 100 chunks of 4 MB fill one job, and the default request limits allow that many in a minute.
  minRequestsForRefusal: 150,
  run: async (field) => {
    const { port, people } = field;
    const users = await people.make(Math.min(2, field.addresses.length));
    const jobs = users.map(({ token }) => ({ token, id: openJob(port, token), chunks: 0 }));
    await each(field, { parallel: 4 }, async (number, address) => {
      const job = jobs[number % jobs.length]!;
      if (job.chunks === 100) {
        job.chunks = 0;
        job.id = openJob(port, job.token);
      }
      job.chunks += 1;
      const chunk = job.chunks;
      const id = (await job.id) ?? 'none';
      return rawRequest({
        ...field,
        address,
        method: 'PUT',
        path: `${pricingJobs}/${id}/chunks/${chunk}`,
        headers: { 'Content-Type': 'application/vnd.apache.arrow.stream', Authorization: `Bearer ${job.token}` },
        body: payloads.jobChunk(),
      });
    });
  },
};

/** Of the max number of requests, so a connection with more of them counts as this number. */
const requestsPerConnection = 20;
type Pipeline = { readonly path: string; readonly pipelined: number };

/** Sends requests at once on one connection and returns the outcome of each. */
const pipeline = async (
  { path, pipelined }: Pipeline,
  port: number,
  address: string,
  signal: AbortSignal,
): Promise<Outcome[]> => {
  const socket: Socket = connect({ port, host: '127.0.0.1' });
  const head = (last: boolean): string =>
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: ${address}\r\n` +
    `${last ? 'Connection: close\r\n' : ''}\r\n`;
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => (text += piece));
  socket.on('error', () => {});
  socket.write(head(false).repeat(pipelined - 1) + head(true));
  const closed = once(socket, 'close', { signal: AbortSignal.any([signal, AbortSignal.timeout(20_000)]) });
  // The rest of the answers was not cut if the service still held the connection at the end.
  const missing = await closed.then(
    () => 'cut' as const,
    () => 'held' as const,
  );
  socket.destroy();
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  return [...statuses, ...Array.from({ length: pipelined - statuses.length }, () => missing)];
};

const runPipelines =
  (sent: Pipeline): Attack['run'] =>
  (field) => {
    const connections = { ...field, requests: Math.ceil(field.requests / requestsPerConnection) };
    return each(connections, { parallel: 50 }, (_, address) => pipeline(sent, field.port, address, field.signal));
  };

export const shortPipelines: Attack = {
  name: 'pipelining',
  run: runPipelines({ path: '/api/v1/pricing/models', pipelined: 20 }),
  fault: ({ tally }) => {
    const [shed, cut] = [tally.count(503), tally.count('cut')];
    return shed + cut > 0
      ? `of the pipelined requests ${shed} were refused by load shedding and ${cut} cut`
      : undefined;
  },
};

/**
 * One piece of data has all 300 requests. If they are served without a turn for other connections, a connection holds the
 * event loop for 0.3 s, which the good caller notices. A client of a busy service may leave before its last answer.
 */
export const longPipelines: Attack = {
  name: 'long pipelines',
  run: runPipelines({ path: '/health/live', pipelined: 300 }),
};

/**
 * Each connection sends more requests than may wait. Node would make a request of all that are in a piece of data, also after
 * the connection is cut off.
 */
export const endlessPipelines: Attack = {
  name: 'pipelines beyond the limit',
  run: (field) => {
    const connections = { ...field, requests: Math.min(field.requests, 90) };
    return each(connections, { parallel: 30 }, (_, address) =>
      pipeline({ path: '/health/live', pipelined: 2_000 }, field.port, address, field.signal),
    );
  },
  // While all attacks run at once, the attackers may have left before the service came to their connections.
  fault: ({ tally }) => (tally.count('cut') + tally.count('held') === 0 ? 'no connection was cut off' : undefined),
};

/** Half of the connections are reset after the answer, and half are left open by the client. */
export const connects: Attack = {
  name: 'CONNECT',
  run: (field) =>
    each(field, { parallel: 50 }, async (number): Promise<Outcome> => {
      const { port, signal } = field;
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => {});
      socket.write('CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n');
      const ended = AbortSignal.any([signal, AbortSignal.timeout(5_000)]);
      const [data] = (await once(socket, 'data', { signal: ended }).catch(() => [''])) as [Buffer | string];
      if (number % 2 === 0) socket.resetAndDestroy();
      else await once(socket, 'close', { signal: ended }).catch(() => socket.destroy());
      return Number(/^HTTP\/1\.1 (\d{3})/.exec(data.toString())?.[1] ?? 0) || 'cut';
    }),
};

/** Different pages of public lists. Each one would be an entry of the cache if every page were cached. */
export const manyPages: Attack = {
  name: 'many pages of public lists',
  run: (field) =>
    each(field, { parallel: 16 }, (number, address) =>
      rawRequest({
        ...field,
        address,
        method: 'GET',
        path: `/api/v1/assets/AAPL/prices?limit=${(number % 900) + 101}&from=2000-01-${String((number % 28) + 1).padStart(2, '0')}`,
      }),
    ),
};

export const redaction: Attack = {
  name: 'inputs that are slow to redact',
  run: (field) =>
    each(field, { parallel: 16 }, (number, address) => {
      const texts = payloads.credentialPrefixes();
      const text = texts[number % texts.length]!;
      return rawRequest({
        ...field,
        address,
        method: 'POST',
        path: `/api/v1/pricing/price?q=${encodeURIComponent(text.slice(0, 2_000))}`,
        headers: { 'Content-Type': 'application/json', 'User-Agent': text, 'X-Request-ID': text.slice(0, 100) },
        body: Buffer.from(JSON.stringify({ [text]: text, spot: text })),
      });
    }),
};
