import { setImmediate as otherWork } from 'node:timers/promises';
import test from 'ava';
import { createTurns } from '#src/kernel/streams/turns.ts';

const workFor = (milliseconds: number): void => {
  for (const end = performance.now() + milliseconds; performance.now() < end;);
};

test.serial('works that wait for the same turn share its time', async (t) => {
  let turn = 0;
  const ended = new AbortController();
  const count = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await otherWork();
      turn += 1;
    }
  };
  /** How many steps of 2 ms were done in each turn of the event loop. */
  const stepsOf = new Map<number, number>();
  const work = async (): Promise<void> => {
    const turns = createTurns();
    for (let step = 0; step < 20; step += 1) {
      workFor(2);
      stepsOf.set(turn, (stepsOf.get(turn) ?? 0) + 1);
      await turns.give();
    }
  };
  const counting = count();
  await otherWork();
  await Promise.all([work(), work(), work(), work()]);
  ended.abort();
  await counting;
  // The first one does two steps in a turn, each other one the step that it has begun.
  const most = Math.max(...[...stepsOf].filter(([at]) => at > 3).map(([, steps]) => steps));
  t.true(most <= 5, `${most} steps in a turn`);
});
