/**
 * A preload for the service: it measures the processor time of each turn of the event loop of the main thread. A timer of
 * 1 ms fires once in each turn that is longer, so the processor time between two of its calls is that of one turn, and of
 * short turns of together 1 ms. Garbage collection in the thread counts; the time of other processes does not. A turn of a
 * collection that the service has asked for in a calm time does not count, because it is the work of no request (decision 0156).
 *
 * Each connection to the socket TURN_SAMPLER_SOCKET is answered with a `Turns` as JSON, and begins a new measurement.
 */
import { createServer } from 'node:net';
import { constants, performance, PerformanceObserver, type NodeGCPerformanceDetail } from 'node:perf_hooks';
import { threadMs } from '#testkit/measures/thread-time.ts';

export type Turns = {
  /** Processor time of the longest turn since the last answer. */
  readonly longestMs: number;
  /** The garbage collections in it, by the clock; `isWhole` means of the whole heap. */
  readonly collections: readonly { readonly ms: number; readonly isWhole: boolean }[];
  /** Processor time of a fixed piece of work in the same thread: how fast the processor is at the moment. */
  readonly fixedWorkMs: number;
};

const rows = Array.from({ length: 1_000 }, (_, index) => ({
  symbol: `S${index}`,
  close: index / 7,
  date: '2024-01-02',
}));
/** The fastest of several, because the first one after a pause fills the caches of the processor. */
const fixedWork = (): number => {
  const times: number[] = [];
  for (let time = 0; time < 4; time += 1) {
    const started = threadMs();
    for (let round = 0; round < 3; round += 1) JSON.parse(JSON.stringify(rows));
    times.push(threadMs() - started);
  }
  return Math.min(...times);
};

type Turn = { readonly from: number; readonly to: number; readonly ms: number };
type Collection = Pick<Turn, 'from' | 'to'> & {
  /** Of the whole heap, not of the young generation only. */
  readonly isWhole: boolean;
  readonly isAskedFor: boolean;
};

const collections: Collection[] = [];
type Entry = { readonly startTime: number; readonly duration: number; readonly detail?: unknown };
const take = (entries: readonly Entry[]): void => {
  for (const { startTime, duration, detail } of entries) {
    const { kind, flags } = detail as NodeGCPerformanceDetail;
    const isWhole = kind === constants.NODE_PERFORMANCE_GC_MAJOR;
    const isAskedFor = (flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0;
    collections.push({ from: startTime, to: startTime + duration, isWhole, isAskedFor });
  }
};
const collectionsIn = (turn: Turn): Collection[] =>
  collections.filter(({ from, to }) => from < turn.to && to > turn.from);
/** The flavor `last-resort` has no flag, but it is at least two collections of the whole heap in a row. */
const isCalmCollection = (turn: Turn): boolean => {
  const inside = collectionsIn(turn).filter(({ isWhole }) => isWhole);
  return inside.length >= 2 || inside.some(({ isAskedFor }) => isAskedFor);
};
const observer = new PerformanceObserver((list) => take(list.getEntries()));
observer.observe({ entryTypes: ['gc'] });

/** Shorter turns are not listed. */
const minMs = 2;
let turns: Turn[] = [];
let last = threadMs();
let lastAt = performance.now();
const endTurn = (): void => {
  const [now, at] = [threadMs(), performance.now()];
  if (now - last >= minMs) turns.push({ from: lastAt, to: at, ms: now - last });
  last = now;
  lastAt = at;
};
setInterval(endTurn, 1).unref();

/** The longest turn without a collection that the service has asked for; 0 if all were short. */
const takeLongest = (): Pick<Turns, 'longestMs' | 'collections'> => {
  take(observer.takeRecords());
  const [longest] = turns.filter((turn) => !isCalmCollection(turn)).toSorted((a, b) => b.ms - a.ms);
  const inside = (longest ? collectionsIn(longest) : []).map(({ from, to, isWhole }) => ({ ms: to - from, isWhole }));
  turns = [];
  collections.length = 0;
  return { longestMs: longest?.ms ?? 0, collections: inside };
};

createServer((socket) => {
  endTurn();
  const answer: Turns = { ...takeLongest(), fixedWorkMs: fixedWork() };
  socket.on('error', () => {});
  socket.end(JSON.stringify(answer));
  last = threadMs();
  lastAt = performance.now();
})
  .listen(process.env['TURN_SAMPLER_SOCKET'])
  .unref();
