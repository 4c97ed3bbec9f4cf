/**
 * A preload for the service: it measures the processor time of each turn of the event loop of the main thread. A timer of
 * 1 ms fires once in each turn that is longer, so the processor time between two of its calls is that of one turn, and of
 * short turns of together 1 ms. Garbage collection in the thread counts; the time of other processes does not.
 *
 * Each connection to the socket TURN_SAMPLER_SOCKET is answered with a `Turns` as JSON, and begins a new measurement.
 */
import { createServer } from 'node:net';

export type Turns = {
  /** Processor time of the longest turn since the last answer. */
  readonly longestMs: number;
  /** Processor time of a fixed piece of work in the same thread: how fast the processor is at the moment. */
  readonly fixedWorkMs: number;
};

const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

const rows = Array.from({ length: 1_000 }, (_, index) => ({
  symbol: `S${index}`,
  close: index / 7,
  date: '2024-01-02',
}));
const fixedWork = (): number => {
  const started = threadMs();
  for (let round = 0; round < 3; round += 1) JSON.parse(JSON.stringify(rows));
  return threadMs() - started;
};

let last = threadMs();
let longestMs = 0;
const endTurn = (): void => {
  const now = threadMs();
  longestMs = Math.max(longestMs, now - last);
  last = now;
};
setInterval(endTurn, 1).unref();

createServer((socket) => {
  endTurn();
  const turns: Turns = { longestMs, fixedWorkMs: fixedWork() };
  socket.on('error', () => {});
  socket.end(JSON.stringify(turns));
  last = threadMs();
  longestMs = 0;
})
  .listen(process.env['TURN_SAMPLER_SOCKET'])
  .unref();
