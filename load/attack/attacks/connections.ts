import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { once } from 'node:events';
import { answersOf } from './sockets.ts';
import type { Attack } from '../attack.ts';
import { each } from '../each.ts';
import type { Outcome } from '../tally.ts';

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
  socket.on('error', () => {});
  socket.write(head(false).repeat(pipelined - 1) + head(true));
  return answersOf(socket, pipelined, signal);
};

const runPipelines =
  (sent: Pipeline, mixedParallel = 50): Attack['run'] =>
  (field) => {
    const connections = { ...field, requests: Math.ceil(field.requests / requestsPerConnection) };
    const parallel = field.isMixed ? mixedParallel : 50;
    return each(connections, { parallel }, (_, address) => pipeline(sent, field.port, address, field.signal));
  };

/**
 * While all attacks run at once, the service has the max of waiting requests. A client may have 24 then (docs/decisions/0279), so
 * only one connection with 20 of them is open.
 */
export const shortPipelines: Attack = {
  name: 'pipelining',
  run: runPipelines({ path: '/api/v1/pricing/models', pipelined: 20 }, 1),
  fault: ({ tally, isShared }) => {
    // The attack with pipelines on many connections exceeds the limit of its addresses, and then each of their connections is cut.
    const [shed, cut] = [tally.count(503), isShared ? 0 : tally.count('cut')];
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
export const repeatedConnects: Attack = {
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
