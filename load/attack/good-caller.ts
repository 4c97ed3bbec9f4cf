import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Person } from './people.ts';

/** One request of the good caller. A batch has 1,000 rows; `account` is a sign-in, or a read of somebody who has signed in. */
export type CallerSample = {
  readonly kind: 'single' | 'batch' | 'account';
  /** 0 if there was no answer within 5 s. */
  readonly status: number;
  readonly ms: number;
  /** The sentence of the problem document, if the request was refused. */
  readonly detail?: string;
};

/** What the process of the good caller is told. */
export type CallerOrder = { readonly order: 'start'; readonly people: readonly Person[] } | { readonly order: 'stop' };

export type GoodCaller = {
  /** Returns the samples from the duration of `work`, including the requests that are open at its end. */
  readonly during: (work: () => Promise<void>) => Promise<readonly CallerSample[]>;
  readonly close: () => Promise<unknown>;
};

/**
 * Starts the good caller: a process that sends ordinary requests during an attack, to show that callers who do no harm are
 * still served. It is a process of its own, so that the work of the attackers does not delay it.
 * @param people those whose accounts it uses. Each has an address of its own
 */
export const startGoodCaller = (url: string, people: readonly Person[]): GoodCaller => {
  const caller = fork(new URL('good-caller-process.ts', import.meta.url), [url]);
  const tell = (order: CallerOrder): void => void caller.send(order);
  return {
    during: async (work) => {
      const samples: CallerSample[] = [];
      let finish = (): void => {};
      const finished = new Promise<void>((resolve) => (finish = resolve));
      const take = (message: unknown): void => {
        if (message === 'done') finish();
        else samples.push(message as CallerSample);
      };
      caller.on('message', take);
      tell({ order: 'start', people });
      try {
        await work();
      } finally {
        tell({ order: 'stop' });
        await finished;
        caller.off('message', take);
      }
      return samples;
    },
    close: async () => {
      if (caller.exitCode !== null || caller.signalCode !== null) return;
      caller.kill('SIGTERM');
      await once(caller, 'exit');
    },
  };
};
