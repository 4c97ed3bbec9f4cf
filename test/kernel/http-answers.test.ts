import test from 'ava';
import { z } from 'zod';
import { checkItems, parseLimitedJson, placeOfFault, retryAfterSeconds } from '#src/kernel/http-answers.ts';

test('Retry-After is one second to one day, because a timer cannot wait for longer than 24 days', (t) => {
  const date = 'Wed, 01 Jan 2020 00:00:00 GMT';
  for (const [value, seconds] of [
    ['0', 1],
    ['7', 7],
    ['999999', 86_400],
    ['Wed, 01 Jan 2020 00:00:30 GMT', 30],
    ['Tue, 01 Jan 2019 00:00:00 GMT', 1],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 86_400],
    ['soon', undefined],
    ['99999999', undefined],
  ] as const) {
    t.is(retryAfterSeconds({ date, 'retry-after': value }), seconds, value);
  }
});

test('an answer with too many values, items or levels is not parsed', (t) => {
  const limits = { maxDepth: 3, maxItems: 4, maxMembers: 4, maxValues: 6 };
  const parse = (text: string): unknown =>
    parseLimitedJson(Buffer.from(text), limits, () => new RangeError('too many'));
  t.deepEqual(parse('{"a":[1,2,3]}'), { a: [1, 2, 3] });
  // None of these is complete, so a parser would have refused it for another reason.
  for (const text of ['[{},{},{},{},{}', '[[[[', '{"a":[1,2,3],"b":[1,2,3]'])
    t.throws(() => parse(text), { message: 'too many' });
  t.throws(() => parse('[1,'), { instanceOf: SyntaxError });
  t.notRegex(t.throws(() => parse('["canary" 1]')).message, /canary/);
});

test('the place of a fault has no value of the answer', (t) => {
  const schema = z.object({ rows: z.array(z.number()) });
  const faultOf = (value: unknown): z.ZodError => schema.safeParse(value).error!;
  t.is(placeOfFault(faultOf({ rows: [1, 'canary'] })), '/rows/1');
  t.is(placeOfFault(faultOf({ rows: ['canary'] }), ['values', 3]), '/values/3/rows/0');
  t.is(placeOfFault(faultOf('canary')), '/');
});

test('items are checked up to the first wrong one, and the event loop gets turns', async (t) => {
  let checked = 0;
  const item = z.number().refine((value) => {
    checked += 1;
    return value < 3;
  });
  const wrong = (_: z.ZodError, index: number): Error => new RangeError(`item ${index}`);
  t.deepEqual(await checkItems([0, 1, 2], item, wrong), [0, 1, 2]);
  checked = 0;
  await t.throwsAsync(checkItems([0, 3, 'a', 4], item, wrong), { message: 'item 1' });
  t.is(checked, 2);

  let turns = 0;
  const timer = setInterval(() => (turns += 1));
  t.teardown(() => clearInterval(timer));
  const slow = z.number().refine(() => {
    const end = performance.now() + 1;
    while (performance.now() < end);
    return true;
  });
  await checkItems(Array(50).fill(1), slow, wrong);
  t.true(turns >= 3, `${turns} turns in 50 ms`);
  await t.throwsAsync(checkItems([1, 1], slow, wrong, AbortSignal.abort(new RangeError('left'))), { message: 'left' });
});
