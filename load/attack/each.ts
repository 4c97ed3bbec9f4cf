import { setTimeout as sleep } from 'node:timers/promises';
import type { Field } from './attack.ts';
import type { Outcome } from './tally.ts';

export type EachOptions = {
  /** The maximum number of requests in progress at the same time. */
  readonly parallel: number;
  /** The requests are ordered by address, so that each address has many requests in progress at the same time. */
  readonly grouped?: true;
};

/**
 * Sends the requests of an attack. The starts are spread evenly over `spreadMs`, at most `parallel` requests are in
 * progress, and no request starts after the end of the attack.
 */
export const each = async (
  { addresses, requests, spreadMs, begin, signal, tally }: Field,
  { parallel, grouped }: EachOptions,
  send: (number: number, address: string) => Promise<Outcome | readonly Outcome[]>,
): Promise<void> => {
  begin();
  const start = Date.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < requests && !signal.aborted) {
      const number = next;
      next += 1;
      const early = start + (number / requests) * spreadMs - Date.now();
      // Grouped requests are sent in bursts, because they must be in progress at the same time.
      if (early > 0 && grouped === undefined) await sleep(early, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const at = grouped ? Math.floor((number * addresses.length) / requests) : number % addresses.length;
      for (const outcome of [await send(number, addresses[at]!)].flat()) tally.add(outcome);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, requests) }, worker));
};
