import test from 'ava';
import * as fc from 'fast-check';
import { textErrors } from '#src/http/routing/input/text-errors.ts';

const detail = 'Must not contain NUL or a surrogate without its pair';
const refused = (pointer: string) => ({ pointer, code: 'invalid_format', detail });

test('the pointer leads to each text that cannot be stored, also to a name', (t) => {
  const body = { name: 'a\0', list: ['good', { deep: '\ud800' }], 'odd/\0': 1, good: '💥', bytes: Buffer.from('\0') };
  t.deepEqual(textErrors('body', body), [refused('/name'), refused('/list/1/deep'), refused('/odd~1\0')]);
  t.deepEqual(textErrors('query', { from: '2001-01-01', cursor: '\udc00' }), [refused('query.cursor')]);
  t.deepEqual(textErrors('body', '\0'), [refused('')]);
});

test('thousands of errors below a long name have few pointers, and none of them has the whole name', (t) => {
  const name = '~'.repeat(32_000);
  const errors = textErrors('body', { [name]: [Array.from({ length: 3_600 }, () => '\0')] });
  t.is(errors.length, 3_600);
  t.deepEqual(errors[19], refused(`/${'~0'.repeat(100)}.../0/19`));
  t.is(new Set(errors).size, 21);
  t.deepEqual(textErrors('query', { ['n'.repeat(5_000)]: '\0' }), [refused(`query.${'n'.repeat(100)}...`)]);
});

test('a value is refused exactly if its JSON has an escape for NUL or a lone surrogate', (t) => {
  const value = fc.jsonValue({
    stringUnit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
  });
  fc.assert(
    fc.property(value, (each) => {
      const hasEscape = /\\u0000|\\ud[89a-f][0-9a-f]{2}/.test(JSON.stringify(each).replaceAll('\\\\', ''));
      t.is(textErrors('body', each).length > 0, hasEscape);
    }),
  );
});
