import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { allStats, childrenOf, memoryBytesOf, statOf } from '#testkit/measures/processes.ts';
import { median } from '#testkit/measures/statistics.ts';

test('the median is the middle value, or the mean of the two middle values', (t) => {
  t.is(median([10, 1, 2]), 2);
  t.is(median([10, 1, 2, 4]), 3);
  t.is(median([7]), 7);
  t.is(median([]), Number.NaN);
});

test('a process has its parent, its children, its processor time and its memory', async (t) => {
  const child = spawn(process.execPath, [
    '-e',
    'const kept = Buffer.alloc(64 << 20, 1); console.log(kept.length); setInterval(() => {}, 1_000)',
  ]);
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const pid = child.pid!;
  t.true(childrenOf(process.pid).includes(pid));
  t.is(statOf(pid).parent, process.pid);
  t.is(allStats().get(pid)?.parent, process.pid);
  const { user, system } = process.cpuUsage();
  t.true(Math.abs(statOf(process.pid).processorSeconds - (user + system) / 1e6) < 1);
  t.true(memoryBytesOf(pid) > 64 * 2 ** 20);
  t.true(memoryBytesOf(pid, 'VmHWM') >= memoryBytesOf(pid));
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  t.throws(() => memoryBytesOf(pid));
});
