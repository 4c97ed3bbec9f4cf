import { connect } from 'node:net';
import type { FuzzFormat } from './formats.ts';
import { createRandom } from './random.ts';
import { createTally, type FuzzReport, type FuzzRun } from './report.ts';

const maxAnswerMs = 20_000;
/** A request that is no longer complete is waited for as long as that. */
const incompleteMs = 500;
const atOnce = 4;
/** The server may say that it does not know a version or a method. */
const allowed5xx = new Set([501, 505]);

/** The status of the answer to a request of raw bytes, undefined when the server closed without one. */
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
    // A server that refuses early resets the connection; what it answered before counts.
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      const [, status] = /^HTTP\/1\.[01] (\d{3}) /.exec(Buffer.concat(chunks).toString('latin1', 0, 64)) ?? [];
      resolve(status === undefined ? undefined : Number(status));
    });
    // The client keeps its side open: the server takes a client that closes for one that has left.
    socket.write(request);
  });

/** Sends mutants to a running service, a few at a time. */
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
