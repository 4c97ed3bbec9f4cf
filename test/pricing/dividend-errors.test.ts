import test from 'ava';
import { readExtra } from '#src/pricing/request/read-extras.ts';
import type { FieldError } from '#src/kernel/catalogue/errors.ts';

const unshown = 'This error is not shown';
const errorsOf = (dividends: readonly object[]): FieldError[] =>
  readExtra('dividends', { dividends }, '') as FieldError[];
const repeated = (count: number, item: object): object[] => Array.from({ length: count }, () => item);

test('only errors of dividends that can be shown have a text', (t) => {
  const wrong = errorsOf(repeated(990, { time: -1, amount: 'x', tim: 1 }));
  t.is(wrong.length, 2_970);
  t.is(wrong.filter(({ detail }) => detail !== unshown).length, 40);
  t.true(wrong.every(({ pointer }) => pointer.startsWith('/dividends/')));
});

test('an unknown name after many other errors has its text, because it is shown first', (t) => {
  const errors = errorsOf([...repeated(30, {}), { time: 1, amount: 1, amout: 2 }]);
  const unknown = errors.find(({ code }) => code === 'unknown_member');
  t.regex(unknown!.detail, /did you mean amount\?/);
});

test('a member with the name of an inherited property is unknown too', (t) => {
  for (const name of ['constructor', 'toString', '__proto__']) {
    const dividends = JSON.parse(`[{"time":0.5,"amount":1,"${name}":1}]`) as object[];
    t.like(errorsOf(dividends), [{ code: 'unknown_member' }], name);
  }
  t.deepEqual(readExtra('dividends', { dividends: [{ time: 0.5, amount: -0 }] }, ''), {
    dividends: [{ time: 0.5, amount: 0 }],
  });
});
