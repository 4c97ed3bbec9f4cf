import { setTimeout as sleep } from 'node:timers/promises';
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** A batch has 1,000 rows. Status 0: no answer within 5 s. */
export type CallerSample = { readonly kind: 'single' | 'batch'; readonly status: number; readonly ms: number };

export type GoodCaller = {
  /** Samples while `work` goes on, the requests that are open at its end included. */
  readonly during: (work: () => Promise<void>) => Promise<readonly CallerSample[]>;
  readonly close: () => Promise<unknown>;
};

/** What the last requests may take: their own timeout. */
const maxTailMs = 5_200;

export const startGoodCaller = (url: string): GoodCaller => {
  const caller = fork(new URL('good-caller-process.ts', import.meta.url), [url]);
  return {
    during: async (work) => {
      const samples: CallerSample[] = [];
      const take = (sample: unknown): void => void samples.push(sample as CallerSample);
      caller.on('message', take);
      caller.send('start');
      try {
        await work();
      } finally {
        caller.send('stop');
        let before = -1;
        // Most answers are there at once; only a request without an answer takes the whole time.
        for (let waited = 0; waited < maxTailMs && before !== samples.length; waited += 500) {
          before = samples.length;
          await sleep(500);
        }
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
