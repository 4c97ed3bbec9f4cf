import test from 'ava';
import { createIntegerMap } from '#src/kernel/lists/integer-map.ts';
import { createDayTexts } from '#src/market-data/uploads/formats/arrow/cells.ts';
import { collidingIntegers } from '#testkit/bodies/colliding-numbers.ts';
import { threadMs } from '#testkit/measures/thread-time.ts';

const maxDay = 2_900_000;
const colliding = collidingIntegers(maxDay);
const usual = colliding.map((_day, index) => index);

const rounds = 200;
const msOf = (read: (key: number) => unknown, keys: readonly number[]): number => {
  const began = threadMs();
  for (let round = 0; round < rounds; round++) for (const key of keys) read(key);
  return threadMs() - began;
};

const isAsFast = (createRead: () => (key: number) => unknown) => {
  msOf(createRead(), usual);
  const [ofUsual, ofColliding] = [msOf(createRead(), usual), msOf(createRead(), colliding)];
  return { fast: ofColliding < 5 * ofUsual + 100, text: `${ofColliding} ms beside ${ofUsual} ms` };
};

test.serial('integers with one hash in V8 are found as fast as others', (t) => {
  const { fast, text } = isAsFast(() => {
    const map = createIntegerMap<number>();
    return (key) => map.get(key) ?? map.set(key, key);
  });
  t.true(fast, text);
});

test.serial('days with one hash have their texts as fast as others', (t) => {
  const { fast, text } = isAsFast(createDayTexts);
  t.true(fast, text);
});

test('each integer of 32 bits has its own value, and other numbers have none', (t) => {
  const map = createIntegerMap<number>();
  const keys = [0, 1, -1, 7, 2 ** 31 - 1, -(2 ** 31), ...colliding];
  for (const key of keys) map.set(key, key);
  t.is(map.size(), new Set(keys).size);
  t.true(keys.every((key) => map.has(key) && map.get(key) === key));
  for (const key of [2 ** 32, 2 ** 32 + 7, 0.5, Number.NaN, Infinity]) {
    t.false(map.has(key), String(key));
    t.is(map.get(key), undefined, String(key));
    t.throws(() => map.set(key, 1), { instanceOf: RangeError });
  }
});
