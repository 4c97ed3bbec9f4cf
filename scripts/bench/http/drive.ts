import { Agent, request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { childrenOf, mebibyte, memoryBytesOf, statOf } from '#testkit/measures/processes.ts';
import type { Load } from './bodies.ts';

export type Target = { readonly url: string; readonly pid: number };

/** Sends one request, reads the whole answer and returns its size in bytes. */
const send = async (target: Target, load: Load, agent: Agent): Promise<number> => {
  const sent = request(`${target.url}${load.path}`, {
    method: 'POST',
    agent,
    headers: { 'Content-Type': load.type, Accept: load.type, 'Content-Length': load.body.length },
  });
  sent.end(load.body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let bytes = 0;
  for await (const chunk of response) bytes += (chunk as Buffer).length;
  if (response.statusCode !== 200) throw new Error(`${load.name} of ${load.rows}: ${response.statusCode}`);
  return bytes;
};

/** Processor seconds of the process and its children. The pricing processes are children of the service. */
export const processorSeconds = ({ pid }: Pick<Target, 'pid'>): number =>
  childrenOf(pid).reduce((sum, child) => sum + processorSeconds({ pid: child }), statOf(pid).processorSeconds);

/** Times of answers in milliseconds. */
export type Latency = { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };

/** Answered requests per second of clock time, and per second of processor time that the server used. */
export type Rate = {
  readonly perSecond: number;
  readonly perProcessorSecond: number;
  readonly times: readonly number[];
  /** Of the round with the lowest p99. */
  readonly calmest: Latency;
};

export const latencyOf = (times: readonly number[]): Latency => {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
};

/** The rate of `connections` clients. Each client sends its next request after the answer to the last one. */
export const drive = async (target: Target, load: Load, seconds: number, connections: number): Promise<Rate> => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const spent = processorSeconds(target);
  const started = performance.now();
  const until = started + seconds * 1000;
  const times: number[] = [];
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < until) {
        const sentAt = performance.now();
        await send(target, load, agent);
        times.push(performance.now() - sentAt);
      }
    }),
  );
  const elapsed = (performance.now() - started) / 1000;
  agent.destroy();
  const perProcessorSecond = times.length / (processorSeconds(target) - spent);
  return { perSecond: times.length / elapsed, perProcessorSecond, times, calmest: latencyOf(times) };
};

/** Options that are priced before a measurement, and the max time for that. */
const warmUpOptions = 200_000;
const warmUpRequests = 5_000;
const maxWarmUpSeconds = 10;

/**
 * Sends requests until V8 has compiled the code of the target. A time alone would not do: on a busy machine a second has
 * so few requests that most of the code still runs in the interpreter.
 */
export const warmUp = async (target: Target, load: Load, seconds: number, connections: number): Promise<void> => {
  const requests = Math.min(warmUpRequests, warmUpOptions / load.rows);
  let sent = 0;
  for (let spent = 0; spent < maxWarmUpSeconds && sent < requests; spent += seconds) {
    sent += (await drive(target, load, seconds, connections)).times.length;
  }
};

/** The probe runs in its own thread, so that pauses of the load generator do not count as latency of the service. */
const probeSource = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Agent, get } = require('node:http');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times = [];
  const ask = () => new Promise((resolve, reject) => {
    const started = performance.now();
    get(workerData.url, { agent }, (response) => {
      response.resume();
      response.once('end', () => { times.push(performance.now() - started); resolve(); });
    }).once('error', reject);
  });
  (async () => {
    while (Atomics.load(workerData.stop, 0) === 0) { await ask(); await new Promise((resolve) => setTimeout(resolve, 10)); }
    parentPort.postMessage(times);
    agent.destroy();
  })();
`;

/** Latencies of /health/live in milliseconds while `work` ran, in ascending order. */
export const whileProbed = async (target: Target, work: () => Promise<unknown>): Promise<number[]> => {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { url: `${target.url}/health/live`, stop };
  const worker = new Worker(probeSource, { eval: true, workerData });
  await sleep(200);
  await work();
  Atomics.store(stop, 0, 1);
  const [times] = (await once(worker, 'message')) as [number[]];
  await worker.terminate();
  return times.toSorted((a, b) => a - b);
};

/** Resident memory in MiB: the current value and the max since the start. */
export const memoryOf = ({ pid }: Target): { readonly now: number; readonly most: number } => ({
  now: memoryBytesOf(pid) / mebibyte,
  most: memoryBytesOf(pid, 'VmHWM') / mebibyte,
});
