import test from 'ava';
import { collectWhenCalm } from '#src/garbage-collection.ts';
import { eventually } from '#testkit/eventually.ts';

const mebibyte = 2 ** 20;
const held = (): number => process.memoryUsage().arrayBuffers;

test('garbage outside the heap is collected although nothing is allocated any more', async (t) => {
  const end = collectWhenCalm({
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
