import test from 'ava';
import { z } from 'zod';
import { parsePart } from '#src/http/routing/input/validation.ts';

const schema = z.strictObject({ rows: z.array(z.strictObject({ name: z.string(), size: z.int().max(9) })) });
const unshown = 'This error is not shown';

test('only errors that can be shown have a text, and unknown names count apart', (t) => {
  const rows = [...Array.from({ length: 400 }, () => ({ size: 10 })), { nam: 'a', name: 'b', size: 1 }];
  const errors = parsePart('body', schema, { rows }).errors();
  t.is(errors.length, 801);
  t.is(errors.filter(({ detail }) => detail === unshown).length, 780);
  t.regex(errors.find(({ code }) => code === 'unknown_member')!.detail, /did you mean name\?/);
  t.is(errors[0]!.pointer, '/rows/0/name');
  t.is(errors.at(-2)!.code, 'out_of_range');
});
