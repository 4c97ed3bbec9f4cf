import { Agent } from 'undici';
import type { CallerSample } from './good-caller.ts';

/**
 * A caller without abuse. It has its own process, so that the work of the attackers does not count as latency. Requests
 * start at fixed times, even if earlier requests have no answer yet.
 */
const url = process.argv[2]!;
/** Each address stays below the limit of one address, which is 100 requests per minute. */
const addresses = Array.from({ length: 10 }, (_, number) => `203.0.113.${number + 1}`);
const singleEveryMs = 100;
const singlesPerBatch = 5;
const timeoutMs = 5_000;

const option = { spot: 100, strike: 105, time_to_expiry: 0.5, rate: 0.03, volatility: 0.2, option_type: 'call' };
const single = JSON.stringify(option);
const batch = JSON.stringify({
  options: Array.from({ length: 1_000 }, (_, row) => ({ ...option, strike: 80 + row / 20 })),
});
const dispatcher = new Agent({ connections: 64 });
let sent = 0;

const call = async (kind: CallerSample['kind']): Promise<void> => {
  const address = addresses[sent % addresses.length]!;
  sent += 1;
  const start = performance.now();
  let status = 0;
  let detail: string | undefined;
  try {
    const response = await dispatcher.request({
      origin: url,
      method: 'POST',
      path: `/api/v1/pricing/${kind === 'single' ? 'price' : 'batch'}`,
      headers: { 'content-type': 'application/json', 'x-forwarded-for': address },
      body: kind === 'single' ? single : batch,
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.statusCode === 200) await response.body.dump({ limit: 10_000_000 });
    else ({ detail } = (await response.body.json()) as { readonly detail?: string });
    status = response.statusCode;
  } catch {
    // There is no answer, so the status stays 0.
  }
  process.send?.({ kind, status, ms: performance.now() - start, ...(detail && { detail }) } satisfies CallerSample);
};

let timer: NodeJS.Timeout | undefined;
const open = new Set<Promise<void>>();
const begin = (kind: CallerSample['kind']): void => {
  const done = call(kind).finally(() => open.delete(done));
  open.add(done);
};
process.on('message', (message: 'start' | 'stop') => {
  clearInterval(timer);
  timer = undefined;
  if (message !== 'start') {
    // Open requests also count. Each one ends at the latest after its own timeout.
    void Promise.all(open).then(() => process.send?.('done'));
    return;
  }
  let turn = 0;
  timer = setInterval(() => {
    begin('single');
    if (turn % singlesPerBatch === 0) begin('batch');
    turn += 1;
  }, singleEveryMs);
});
// The parent process has ended, so the samples have no receiver.
process.on('disconnect', () => process.exit());
