import { setTimeout as sleep } from 'node:timers/promises';
import { slowBatch } from '#load/slow-batch.ts';
import { eventually } from '#testkit/eventually.ts';
import { childrenOf } from '#testkit/measures/processes.ts';
import type { Service } from '#testkit/service.ts';
import type { Scope } from '#testkit/scope.ts';
import { capProcess } from './processor-cap.ts';
import { arrivalScvInTurn, meanWait, momentsOf, type Moments } from './queue-model.ts';

/** The share of a core of each pricing process. Three of them and the load generator must fit into two cores. */
const share = 0.25;
const processCounts = [1, 2, 3] as const;
const loads = [0.5, 0.7, 0.8] as const;
const [minRows, maxRows] = [500, 1_500];

const bodies = Array.from({ length: 50 }, (_, index) =>
  slowBatch(minRows + Math.round(((maxRows - minRows) * index) / 49)),
);
const oneBody = (): string => bodies[Math.floor(Math.random() * bodies.length)]!;

/** Milliseconds until the whole answer was there, and those that the pricing process worked. */
type Times = { readonly answerMs: number; readonly workMs: number };

const ask = async (service: Service): Promise<Times> => {
  const began = performance.now();
  const response = await fetch(`${service.url}/api/v1/pricing/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: oneBody(),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`a batch was answered ${response.status} ${text}`);
  const { computation_time_ms: workMs } = JSON.parse(text) as { computation_time_ms: number };
  return { answerMs: performance.now() - began, workMs };
};

/** Requests one after the other, so that none waits. */
const inTurn = async (service: Service, requests: number): Promise<Times[]> => {
  const times: Times[] = [];
  for (let index = 0; index < requests; index += 1) times.push(await ask(service));
  return times;
};

/** Random arrivals (an open model) that go to the services in turn. */
const arrivals = async (services: readonly Service[], perSecond: number, seconds: number): Promise<Times[]> => {
  const open: Promise<Times>[] = [];
  const began = performance.now();
  let at = 0;
  for (let turn = 0; at < seconds * 1_000; turn += 1) {
    at += (-Math.log(1 - Math.random()) / perSecond) * 1_000;
    const wait = began + at - performance.now();
    if (wait > 0) await sleep(wait);
    const asked = ask(services[turn % services.length]!);
    // It is reported at the end. A rejection without a listener would end this process, and leave its services running.
    asked.catch(() => {});
    open.push(asked);
  }
  return Promise.all(open);
};

export type ModelRow = {
  readonly processes: number;
  readonly load: number;
  readonly perSecond: number;
  readonly requests: number;
  readonly predictedMs: number;
  readonly measuredMs: number;
};

/** Compares the mean wait of the model with the one of 1, 2 and 3 services with a capped pricing process each. */
export const checkModel = async (
  scope: Scope,
  start: (environment: Readonly<Record<string, string>>) => Promise<Service>,
  seconds: number,
): Promise<{ readonly service: Moments; readonly rows: readonly ModelRow[] }> => {
  const services: Service[] = [];
  for (const _ of processCounts) {
    services.push(await start({ PRICING_WORKERS: '1', PRICING_LONG_WORKERS: '1', CALLER_SHARE_PERCENT: '100' }));
  }
  for (const service of services) {
    // The first batch starts the pricing processes.
    await inTurn(service, 20);
    await eventually(() => childrenOf(service.pid).length > 0, 'the pricing processes run');
    for (const pid of childrenOf(service.pid)) capProcess(scope, pid, share);
  }
  const alone = await inTurn(services[0]!, 40);
  const moments = momentsOf(alone.map(({ workMs }) => workMs));
  // What a request needs beside the work of its pricing process: HTTP, and the transport between the processes.
  const beside = momentsOf(alone.map(({ answerMs, workMs }) => answerMs - workMs)).mean;
  const rows: ModelRow[] = [];
  for (const processes of processCounts) {
    for (const load of loads) {
      const perSecond = (load * processes) / (moments.mean / 1_000);
      const times = await arrivals(services.slice(0, processes), perSecond, seconds);
      // The work of the same requests, because other work on the host changes it from run to run.
      const work = momentsOf(times.map(({ workMs }) => workMs));
      const reached = (times.length / processes / seconds) * (work.mean / 1_000);
      rows.push({
        processes,
        load: reached,
        perSecond,
        requests: times.length,
        predictedMs: beside + work.mean + meanWait(reached, work, arrivalScvInTurn(processes)),
        measuredMs: momentsOf(times.map(({ answerMs }) => answerMs)).mean,
      });
    }
  }
  return { service: moments, rows };
};
