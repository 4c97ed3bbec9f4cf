import test from 'ava';
import { expressionFaults } from '../../../scripts/check/code/regular-expressions.ts';

test('the time of every regular expression of the service is linear in its input', (t) => {
  t.deepEqual(expressionFaults(), []);
});

const slow = {
  'two repetitions that meet': String.raw`/^\s*for\s*=\s*(?:"([^"]*)"|([^"\s]*))\s*$/i`,
  'a repetition that begins anywhere': String.raw`/\d+$/`,
  'nested repetitions': '/^(?:a+)+$/',
};
for (const [what, expression] of Object.entries(slow)) {
  test(`an expression with ${what} is found, with its line`, (t) => {
    const code = `const half = 4 / 2;\nexport const read = (text: string): boolean => ${expression}.test(text);\n`;
    const [fault, ...more] = expressionFaults(new Map([['src/a.ts', code]]));
    t.true(fault?.startsWith(`src/a.ts:2: the time of ${expression}`), fault);
    t.deepEqual(more, []);
  });
}
