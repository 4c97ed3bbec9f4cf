import { fork } from 'node:child_process';
import { once } from 'node:events';

/** One request of the good caller. A batch has 1,000 rows. Status 0 means no answer within 5 s. */
export type CallerSample = { readonly kind: 'single' | 'batch'; readonly status: number; readonly ms: number };

export type GoodCaller = {
  /** Returns the samples from the duration of `work`, including the requests that are open at its end. */
  readonly during: (work: () => Promise<void>) => Promise<readonly CallerSample[]>;
  readonly close: () => Promise<unknown>;
};

export const startGoodCaller = (url: string): GoodCaller => {
  const caller = fork(new URL('good-caller-process.ts', import.meta.url), [url]);
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
      caller.send('start');
      try {
        await work();
      } finally {
        caller.send('stop');
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
