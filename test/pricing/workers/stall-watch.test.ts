import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import test from 'ava';
import { usageOf, type ProcessUsage } from '#src/pricing/workers/process-usage.ts';
import { watchCancelled, watchForStall } from '#src/pricing/workers/stall-watch.ts';
import { eventually } from '#testkit/eventually.ts';

/** The number of checks until the process counts as stalled. */
const checksUntilStall = (usage: () => ProcessUsage | undefined): Promise<number> =>
  new Promise((resolve) => {
    // The timer of the watch does not keep the process running.
    const open = setInterval(() => {}, 1_000);
    let checks = 0;
    const watch = watchForStall({
      stallMs: 50,
      isWorking: () => {
        checks += 1;
        return true;
      },
      maxRowMs: () => 0,
      usage,
      onSuspicion: () => {},
      onStall: () => {
        watch.stop();
        clearInterval(open);
        resolve(checks);
      },
    });
  });

test('a process that gets no processor has six times as many checks', async (t) => {
  t.is(await checksUntilStall(() => ({ processorMs: 70, wantsToRun: true })), 60);
});

test('a process that works all the time has ten checks', async (t) => {
  let processorMs = 0;
  t.is(await checksUntilStall(() => ({ processorMs: (processorMs += 50), wantsToRun: true })), 10);
});

test('a process that does not want to run has ten checks', async (t) => {
  t.is(await checksUntilStall(() => ({ processorMs: 70, wantsToRun: false })), 10);
});

test('without figures of the system a process has ten checks', async (t) => {
  t.is(await checksUntilStall(() => undefined), 10);
});

/** The number of looks at the usage until the process counts as one that ignores its cancellation. The first is at the start. */
const looksUntilIgnored = (usage: () => ProcessUsage | undefined): Promise<number> =>
  new Promise((resolve) => {
    const open = setInterval(() => {}, 1_000);
    let looks = 0;
    watchCancelled({
      graceMs: () => 20,
      hasEnded: () => false,
      usage: () => {
        looks += 1;
        return usage();
      },
      onIgnored: () => {
        clearInterval(open);
        resolve(looks);
      },
    });
  });

test('a process that gets no processor has six times the time to end a cancelled task', async (t) => {
  t.is(await looksUntilIgnored(() => ({ processorMs: 70, wantsToRun: true })), 6);
});

test('a process that works all the time, does not want to run or has no figures has the usual time', async (t) => {
  let processorMs = 0;
  t.is(await looksUntilIgnored(() => ({ processorMs: (processorMs += 20), wantsToRun: true })), 2);
  t.is(await looksUntilIgnored(() => ({ processorMs: 70, wantsToRun: false })), 2);
  t.is(await looksUntilIgnored(() => undefined), 2);
});

test('a process that has ended the cancelled task is left alone, also late', async (t) => {
  let isIgnored = false;
  let looks = 0;
  watchCancelled({
    graceMs: () => 10,
    hasEnded: () => (looks += 1) > 2,
    usage: () => ({ processorMs: 70, wantsToRun: true }),
    onIgnored: () => (isIgnored = true),
  });
  await eventually(() => looks >= 3, 'it has looked three times');
  t.is(looks, 3);
  t.false(isIgnored);
});

test('the time for a cancellation grows while slow rows of other tasks are measured', async (t) => {
  let graceMs = 10;
  let waits = 0;
  await new Promise<void>((resolve) => {
    const open = setInterval(() => {}, 1_000);
    watchCancelled({
      graceMs: () => graceMs,
      hasEnded: () => {
        waits += 1;
        // The slow rows are measured one after the other.
        if (waits <= 3) graceMs += 20;
        return false;
      },
      usage: () => undefined,
      onIgnored: () => {
        clearInterval(open);
        resolve();
      },
    });
  });
  t.is(waits, 4, 'it waits for each time that was added');
});

test('the usage of a process shows work, a stop and the end', async (t) => {
  const child = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  const worked = (): boolean => {
    const usage = usageOf(child.pid);
    return usage !== undefined && usage.wantsToRun && usage.processorMs >= 50;
  };
  await eventually(worked, 'the process works');
  child.kill('SIGSTOP');
  await eventually(() => usageOf(child.pid)?.wantsToRun === false, 'the process is stopped');
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  t.is(usageOf(child.pid), undefined);
});

test('a process whose main thread waits for another thread wants to run while that one works', async (t) => {
  const script = `
    const { Worker } = require('node:worker_threads');
    new Worker('for (;;);', { eval: true }).once('online', () => {
      process.stdout.write('ready');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const isWaiting = (): boolean => readFileSync(`/proc/${child.pid}/stat`, 'latin1').includes(') S ');
  await eventually(isWaiting, 'the main thread waits');
  t.true(usageOf(child.pid)?.wantsToRun);
  child.kill('SIGSTOP');
  await eventually(() => usageOf(child.pid)?.wantsToRun === false, 'the process is stopped');
});
