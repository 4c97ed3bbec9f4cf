import { connect } from 'node:net';
import type { FuzzFormat } from './formats.ts';
import { createRandom } from './random.ts';
import { createTally, type FuzzReport, type FuzzRun } from './report.ts';

const maxAnswerMs = 20_000;
/** Maximum time to wait for the answer to a request that may be incomplete. */
const incompleteMs = 500;
const atOnce = 4;
/** Statuses that are correct for an unknown method or HTTP version. */
const allowed5xx = new Set([501, 505]);

/** Sends the raw bytes of a request. Returns the status of the answer; undefined if the server closed without one. */
const statusOf = (port: number, request: Uint8Array, mayBeIncomplete: boolean): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1');
    const timer = setTimeout(
      () => {
        if (!mayBeIncomplete) reject(new Error(`no answer within ${maxAnswerMs} ms`));
        socket.destroy();
      },
      mayBeIncomplete ? incompleteMs : maxAnswerMs,
    );
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A server that refuses early may reset the connection. The answer that it sent before the reset counts.
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      const [, status] = /^HTTP\/1\.[01] (\d{3}) /.exec(Buffer.concat(chunks).toString('latin1', 0, 64)) ?? [];
      resolve(status === undefined ? undefined : Number(status));
    });
    // The client does not end its side of the connection, because the server would treat it as a caller that has left.
    socket.write(request);
  });

/** Sends mutants to a running service, several at a time. */
export const fuzzOverHttp = async (
  { name, samples, mutate, request, changesFraming = false }: FuzzFormat,
  { seed, from, count }: FuzzRun,
  url: string,
): Promise<FuzzReport> => {
  const valid = samples();
  const port = Number(new URL(url).port);
  const tally = createTally(name);
  let next = from;
  const work = async (): Promise<void> => {
    while (next < from + count) {
      const index = next++;
      const mutant = mutate(createRandom(seed, index), valid);
      const begun = performance.now();
      try {
        const status = await statusOf(port, request(mutant), changesFraming);
        tally.took(performance.now() - begun);
        tally.add(String(status ?? 'incomplete'));
        if (status === undefined ? !changesFraming : status >= 500 && !allowed5xx.has(status)) {
          tally.fault(index, mutant, status === undefined ? 'closed without an answer' : `answered ${status}`);
        }
      } catch (error) {
        tally.fault(index, mutant, String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return tally.report();
};
