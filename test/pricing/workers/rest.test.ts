import test, { type ExecutionContext } from 'ava';
import type { FromWorker } from '#src/pricing/workers/protocol.ts';
import { startWorkerProcess } from '#src/pricing/workers/worker-process.ts';
import { eventually } from '#testkit/eventually.ts';
import { call } from '../setup.ts';
import { program } from './start-pool.ts';
import { mebibyte } from '#testkit/measures/processes.ts';

const startProcess = (t: ExecutionContext) => {
  const rested: number[] = [];
  let replies = 0;
  let largestBytes = 0;
  let lastBytes = 0;
  const process = startWorkerProcess({
    filename: program,
    heapMegabytes: 1_536,
    niceness: 0,
    onMessage: (message: FromWorker) => {
      if (message.type === 'rested') rested.push(message.residentBytes);
      if (message.type !== 'reply') return;
      replies += 1;
      lastBytes = message.residentBytes;
      largestBytes = Math.max(largestBytes, lastBytes);
    },
    onTaken: () => {},
    onStartError: () => {},
    onExit: () => {},
  })!;
  t.teardown(process.kill);
  const price = async (rows: number, id = '', isLargeText = false): Promise<void> => {
    const number = replies + 1;
    const options = Array.from({ length: rows }, (_, row) => ({
      ...call,
      ...(id && { id }),
      strike: 80 + row / 1_000,
    }));
    const request = { input: 'json', answer: ['json'], jsonDepth: 20 } as const;
    const body = Buffer.from(JSON.stringify({ options }));
    process.send({ type: 'task', id: number, request, isLargeText, limits: { maxMs: 1e9 } }, [body]);
    await eventually(() => replies === number, `task ${number} has its answer`, 60_000);
  };
  /** Resident bytes after the next collection of garbage. */
  const rest = async (): Promise<number> => {
    const before = rested.length;
    await eventually(() => rested.length > before, 'the process has rested', 30_000);
    return rested.at(-1)!;
  };
  return { price, rest, largestBytes: () => largestBytes, lastBytes: () => lastBytes, rests: () => rested.length };
};

// One after the other, because the bodies of other tests keep this process busy, and the pace of a client is part of a test.
test.serial('a pricing process gives the memory of large batches back when it has no task', async (t) => {
  const { price, rest, largestBytes } = startProcess(t);
  await price(1);
  const usualBytes = await rest();
  for (let batch = 0; batch < 2; batch += 1) await price(100_000);
  const keptBytes = (await rest()) - usualBytes;
  const grownBytes = largestBytes() - usualBytes;
  t.true(grownBytes > 48 * mebibyte, `grown by ${Math.round(grownBytes / mebibyte)} MiB`);
  t.true(keptBytes < 48 * mebibyte, `${Math.round(keptBytes / mebibyte)} MiB are kept`);
});

test.serial('a pricing process that always has small batches gives the memory of large ones back', async (t) => {
  const { price, largestBytes, lastBytes } = startProcess(t);
  await price(1);
  const usualBytes = lastBytes();
  for (let batch = 0; batch < 2; batch += 1) await price(100_000);
  const grownBytes = largestBytes() - usualBytes;
  t.true(grownBytes > 48 * mebibyte, `grown by ${Math.round(grownBytes / mebibyte)} MiB`);
  const hasGivenBack = async (): Promise<boolean> => {
    await price(1);
    return lastBytes() - usualBytes < 48 * mebibyte;
  };
  // The pace of the client: no pause is as long as the time after which a process without tasks rests.
  await eventually(hasGivenBack, 'the memory has been given back', 60_000, 500);
});

test.serial('the values of a text that was alone in its process are collected when its task has ended', async (t) => {
  const { price, lastBytes, rests } = startProcess(t);
  await price(100_000, 'Ā'.repeat(100));
  const keptBytes = lastBytes();
  await price(100_000, 'Ā'.repeat(100), true);
  const freeBytes = keptBytes - lastBytes();
  t.is(rests(), 0);
  t.true(freeBytes > 64 * mebibyte, `${Math.round(freeBytes / mebibyte)} MiB are given back`);
});
