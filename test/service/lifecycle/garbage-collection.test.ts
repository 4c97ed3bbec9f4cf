import test from 'ava';
import { collectWhenCalm } from '#src/kernel/memory/collect-when-calm.ts';
import { createCollectGarbage } from '#src/kernel/memory/collect-garbage.ts';
import { createGiveBackPages } from '#src/kernel/memory/free-pages.ts';
import { eventually } from '#testkit/eventually.ts';
import { mebibyte } from '#testkit/measures/processes.ts';

const held = (): number => process.memoryUsage().arrayBuffers;
const resident = (): number => process.memoryUsage.rss();
/** Only the resident memory can be the reason for a collection. */
const onlyResident = { everyMs: 100, minGrowthBytes: Infinity, minIdleGrowthBytes: Infinity };

/** Keeps the event loop busy, in turns of 20 ms, until `isDone`. */
const workUntil = async (isDone: () => boolean): Promise<void> => {
  while (!isDone()) {
    const turnEnd = performance.now() + 20;
    while (performance.now() < turnEnd);
    await new Promise((resolve) => setImmediate(resolve));
  }
};

const collectGarbage = createCollectGarbage();
/** The memory of an earlier test would be given back during the next one, and hide its growth. */
test.beforeEach(async () => {
  collectGarbage('last-resort');
  await new Promise((resolve) => setTimeout(resolve, 100));
});

test.serial('garbage outside the heap is collected although nothing is allocated any more', async (t) => {
  const end = collectWhenCalm({
    collect: collectGarbage,
    everyMs: 50,
    minGrowthBytes: 8 * mebibyte,
    minIdleGrowthBytes: 8 * mebibyte,
    maxUtilization: 0.9,
  });
  t.teardown(end);
  const before = held();
  let buffers: Buffer[] = Array.from({ length: 48 }, () => Buffer.alloc(mebibyte));
  t.true(held() - before >= 48 * mebibyte);
  buffers = [];
  t.is(buffers.length, 0);
  await eventually(
    () => held() - before < 8 * mebibyte,
    () => `the garbage is collected: ${(held() - before) / mebibyte} MiB are left`,
    20_000,
  );
});

test.serial('the pages of a large heap are given back while the event loop has nothing to do', async (t) => {
  const before = resident();
  const end = collectWhenCalm({
    collect: collectGarbage,
    ...onlyResident,
    maxResidentUtilization: 0.9,
    minResidentGrowthBytes: 48 * mebibyte,
  });
  t.teardown(end);
  let objects: unknown[] = Array.from({ length: 2_000_000 }, (_, index) => ({ index, text: `${index}` }));
  t.true(resident() - before > 96 * mebibyte);
  objects = [];
  t.is(objects.length, 0);
  await eventually(
    () => resident() - before < 64 * mebibyte,
    () => `the pages are given back: ${Math.round((resident() - before) / mebibyte)} MiB are left`,
    20_000,
  );
});

test.serial('free memory between pieces in use is given back while the event loop has nothing to do', async (t) => {
  const before = resident();
  const end = collectWhenCalm({
    collect: collectGarbage,
    giveBackPages: createGiveBackPages(),
    ...onlyResident,
    maxResidentUtilization: 0.9,
    minResidentGrowthBytes: 48 * mebibyte,
  });
  t.teardown(end);
  // Smaller than what glibc asks the system for as a block of its own.
  let pieces = Array.from({ length: 2_500 }, () => Buffer.allocUnsafeSlow(60_000).fill(1));
  t.true(resident() - before > 96 * mebibyte);
  const inUse = pieces.filter((_, index) => index % 50 === 49);
  pieces = [];
  await eventually(
    () => resident() - before < 48 * mebibyte,
    () => `the pages are given back: ${Math.round((resident() - before) / mebibyte)} MiB are left`,
    20_000,
  );
  t.is(inUse.length + pieces.length, 50);
});

test.serial(
  'memory that grows before the pages of an earlier collection were given back is collected too',
  async (t) => {
    const calls: string[] = [];
    const end = collectWhenCalm({
      collect: (flavor) => void calls.push(flavor ?? 'usual'),
      giveBackPages: () => void calls.push('pages'),
      ...onlyResident,
      maxUtilization: 0.7,
      maxResidentUtilization: 0.7,
      minResidentGrowthBytes: 32 * mebibyte,
      followUpsMs: [],
    });
    t.teardown(end);
    const held = [Buffer.alloc(64 * mebibyte, 1)];
    await eventually(() => calls.length === 1, 'the first growth is collected', 20_000);
    // A load begins before the next look.
    const busyUntil = performance.now() + 400;
    await workUntil(() => performance.now() >= busyUntil);
    held.push(Buffer.alloc(64 * mebibyte, 1));
    await eventually(
      () => calls.length >= 4,
      () => `the second growth is collected: ${calls.join(', ')}`,
      20_000,
    );
    t.deepEqual(calls.slice(0, 4), ['last-resort', 'pages', 'last-resort', 'pages']);
    t.is(held.length, 2);
  },
);

test.serial('much memory is given back while the event loop is busy for a part of the time', async (t) => {
  const calls: string[] = [];
  const end = collectWhenCalm({
    collect: (flavor) => void calls.push(flavor ?? 'usual'),
    giveBackPages: () => void calls.push('pages'),
    ...onlyResident,
    // An event loop is never so idle.
    maxResidentUtilization: -1,
    maxUtilization: 0.9,
    minResidentGrowthBytes: 16 * mebibyte,
    largeResidentGrowthBytes: 96 * mebibyte,
  });
  t.teardown(end);
  const held = [Buffer.alloc(48 * mebibyte, 1)];
  await new Promise((resolve) => setTimeout(resolve, 400));
  t.deepEqual(calls, [], 'less is not worth a pause then');
  held.push(Buffer.alloc(96 * mebibyte, 1));
  await eventually(() => calls.length >= 2, 'the large growth is collected', 20_000);
  t.deepEqual(calls.slice(0, 2), ['last-resort', 'pages']);
  t.is(held.length, 2);
});

test.serial('what is still in use at the first collection is collected again, a few times', async (t) => {
  const times: number[] = [];
  const end = collectWhenCalm({
    collect: () => void times.push(performance.now()),
    ...onlyResident,
    maxResidentUtilization: 0.9,
    minResidentGrowthBytes: 48 * mebibyte,
    followUpsMs: [300, 600],
  });
  t.teardown(end);
  const held = Buffer.alloc(160 * mebibyte, 1);
  await eventually(() => times.length === 3, 'the growth is collected three times', 20_000);
  t.true(times[1]! - times[0]! >= 300);
  t.true(times[2]! - times[1]! >= 600);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  t.is(times.length, 3, 'what stays is in use');
  const more = Buffer.alloc(36 * mebibyte, 1);
  await eventually(() => times.length === 4, 'a part of the growth is enough for the next collection', 20_000);
  t.is(held.byteLength + more.byteLength, 196 * mebibyte);
});

test.serial('what stays after a collection beside other work is collected again in a calm time', async (t) => {
  const calls: string[] = [];
  const end = collectWhenCalm({
    collect: (flavor) => void calls.push(flavor ?? 'usual'),
    ...onlyResident,
    maxResidentUtilization: 0.3,
    maxUtilization: 1,
    minResidentGrowthBytes: 48 * mebibyte,
    largeResidentGrowthBytes: 64 * mebibyte,
  });
  t.teardown(end);
  const held = Buffer.alloc(96 * mebibyte, 1);
  const busyUntil = performance.now() + 10_000;
  await workUntil(() => calls.length > 0 || performance.now() >= busyUntil);
  t.is(calls.length, 1, 'the large growth is collected beside other work');
  await eventually(() => calls.length === 2, 'it is collected again in a calm time', 20_000);
  t.is(held.byteLength, 96 * mebibyte);
});

test.serial('collections beside other work become rare when they do not help', async (t) => {
  const times: number[] = [];
  const end = collectWhenCalm({
    collect: () => void times.push(performance.now()),
    ...onlyResident,
    maxResidentUtilization: -1,
    maxUtilization: 0.9,
    minResidentGrowthBytes: 16 * mebibyte,
    largeResidentGrowthBytes: 48 * mebibyte,
    largeGrowthEveryMs: 200,
  });
  t.teardown(end);
  const held = Buffer.alloc(160 * mebibyte, 1);
  await eventually(() => times.length === 3, 'the growth is collected three times', 20_000);
  t.true(times[1]! - times[0]! >= 200);
  t.true(times[2]! - times[1]! >= 400);
  t.is(held.byteLength, 160 * mebibyte);
});

test.serial('collections beside other work do not become rare while they help', async (t) => {
  let collections = 0;
  let givenBack = 0;
  const giveBackPages = createGiveBackPages();
  let garbage: Buffer | undefined;
  const end = collectWhenCalm({
    collect: (flavor) => {
      collections += 1;
      garbage = undefined;
      collectGarbage(flavor);
    },
    giveBackPages: () => {
      givenBack += 1;
      giveBackPages?.();
    },
    ...onlyResident,
    maxResidentUtilization: -1,
    maxUtilization: 0.9,
    minResidentGrowthBytes: 16 * mebibyte,
    largeResidentGrowthBytes: 96 * mebibyte,
    largeGrowthEveryMs: 200,
  });
  t.teardown(end);
  // What is in use keeps the growth above the least one.
  const held = Buffer.alloc(64 * mebibyte, 1);
  for (let round = 1; round <= 9; round += 1) {
    garbage = Buffer.alloc(128 * mebibyte, 1);
    // With pauses that double, the ninth collection would be 51 s after the first.
    await eventually(
      () => collections === round && givenBack === round,
      () => `the growth of round ${round} is collected`,
      5_000,
    );
  }
  t.is(garbage, undefined);
  t.is(held.byteLength, 64 * mebibyte);
});

test.serial('memory that was in use in a long calm time is collected when its requests end', async (t) => {
  const times: number[] = [];
  let heldBytes = 0;
  const end = collectWhenCalm({
    collect: () => void times.push(performance.now()),
    heldBytes: () => heldBytes,
    ...onlyResident,
    maxResidentUtilization: 0.9,
    minResidentGrowthBytes: 48 * mebibyte,
    largeResidentGrowthBytes: Infinity,
    minHeldFallBytes: 32 * mebibyte,
    followUpsMs: [100],
  });
  t.teardown(end);
  const held = Buffer.alloc(160 * mebibyte, 1);
  heldBytes = 160 * mebibyte;
  await eventually(() => times.length === 2, 'the growth is collected twice', 20_000);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  t.is(times.length, 2, 'what stays is in use');
  heldBytes = 100 * mebibyte;
  await eventually(() => times.length === 4, 'what was in use is collected, and once more', 20_000);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  t.is(times.length, 4, 'it has not fallen again');
  t.is(held.byteLength, 160 * mebibyte);
});

test.serial(
  'a large growth is collected again after a long time, because not all memory in use is counted',
  async (t) => {
    const times: number[] = [];
    const end = collectWhenCalm({
      collect: () => void times.push(performance.now()),
      ...onlyResident,
      maxResidentUtilization: 0.9,
      minResidentGrowthBytes: 48 * mebibyte,
      largeResidentGrowthBytes: 96 * mebibyte,
      followUpsMs: [],
      recollectAfterMs: 1_000,
    });
    t.teardown(end);
    const held = Buffer.alloc(160 * mebibyte, 1);
    await eventually(() => times.length >= 3, 'the growth is collected again', 20_000);
    t.true(times[2]! - times[1]! >= 1_000);
    t.is(held.byteLength, 160 * mebibyte);
  },
);
