import test from 'ava';
import * as fc from 'fast-check';
import { z } from 'zod';
import { isLargeAnswer, largeError, largeJson } from '#src/http/routing/large-answer.ts';

const refuse = (pointer: string): never => {
  throw new Error(pointer);
};

/** A body with lists that are longer than a step, at several depths. */
const body = fc
  .record({
    data: fc.array(fc.jsonValue({ maxDepth: 2 }), { minLength: 26, maxLength: 350 }),
    nested: fc.record({ items: fc.array(fc.record({ 'a/~b': fc.array(fc.double(), { maxLength: 150 }) })) }),
    text: fc.string({ unit: 'binary' }),
    absent: fc.constant(undefined),
    list: fc.array(fc.constantFrom(undefined, null, 'x', -0), { maxLength: 150 }),
  })
  .filter((value) => isFiniteEverywhere(value));

const isFiniteEverywhere = (value: unknown): boolean =>
  typeof value === 'number'
    ? Number.isFinite(value)
    : typeof value !== 'object' || value === null || Object.values(value).every(isFiniteEverywhere);

test('a large answer has the text of JSON.stringify', async (t) => {
  await fc.assert(
    fc.asyncProperty(body, async (value) => {
      t.true(isLargeAnswer(value));
      return (await largeJson(value, refuse)).equals(Buffer.from(JSON.stringify(value)));
    }),
    { numRuns: 50 },
  );
});

test('other requests get their turn while a large answer is written', async (t) => {
  let now = 0;
  let turns = 0;
  const data = Array.from({ length: 1_000 }, (_, index) => ({ index }));
  const nextTurn = async () => void (turns += 1);
  // By this clock each step lasts longer than a turn may.
  const text = await largeJson({ data }, refuse, { monotonic: () => (now += 10), nextTurn });
  t.is(text.toString(), JSON.stringify({ data }));
  t.is(turns, 1 + 1_000 / 25);
});

test('a number that is not finite is refused with its place', async (t) => {
  const data = Array.from({ length: 300 }, (_, index) => ({ price: index === 250 ? NaN : index }));
  await t.throwsAsync(largeJson({ data }, refuse), { message: '/data/250/price' });
});

test('a large answer is neither written nor checked further when its request has ended', async (t) => {
  const rows = Array.from({ length: 1_000 }, (_, index) => index);
  const stopAfter = (steps: number) => {
    const controller = new AbortController();
    let now = 0;
    let turns = 0;
    const nextTurn = async (): Promise<void> => {
      turns += 1;
      if (turns > steps) controller.abort(new Error('left'));
    };
    // By this clock each step lasts longer than a turn may.
    return { options: { signal: controller.signal, monotonic: () => (now += 10), nextTurn }, turnsOf: () => turns };
  };
  for (const steps of [0, 3]) {
    const writing = stopAfter(steps);
    await t.throwsAsync(largeJson({ rows }, refuse, writing.options), { message: 'left' });
    t.is(writing.turnsOf(), steps + 1);
    const checking = stopAfter(steps);
    const schema = z.strictObject({ rows: z.array(z.number()) });
    await t.throwsAsync(largeError(schema, { rows }, checking.options), { message: 'left' });
    t.is(checking.turnsOf(), steps + 1);
  }
});

test('a large answer is compared with its schema, and the place of a fault is that of the whole list', async (t) => {
  const schema = z.strictObject({ data: z.array(z.strictObject({ price: z.number() })).readonly(), total: z.number() });
  const rows = (count: number) => Array.from({ length: count }, (_, price): Record<string, unknown> => ({ price }));
  t.is(await largeError(schema, { data: rows(500), total: 1 }), undefined);
  const broken = rows(500);
  broken[420] = { price: 'x' };
  t.deepEqual((await largeError(schema, { data: broken, total: 1 }))?.issues[0]?.path, ['data', 420, 'price']);
  t.deepEqual((await largeError(schema, { data: rows(500), total: 'x' }))?.issues[0]?.path, ['total']);
  t.deepEqual((await largeError(schema, { data: rows(500), total: 1, more: 1 }))?.issues[0]?.code, 'unrecognized_keys');
  t.deepEqual((await largeError(z.union([schema]), { data: broken, total: 1 }))?.issues.length, 1);
});

test('short answers, bytes and lists by themselves are not large', (t) => {
  t.false(isLargeAnswer({ data: Array.from({ length: 25 }, () => 1) }));
  t.true(isLargeAnswer({ data: Array.from({ length: 26 }, () => 1) }));
  t.true(isLargeAnswer({ data: [{ constituents: Array.from({ length: 26 }, () => 'S') }] }));
  t.false(isLargeAnswer(Buffer.alloc(1_000)));
  t.false(isLargeAnswer('x'.repeat(1_000)));
  t.false(isLargeAnswer(null));
});
