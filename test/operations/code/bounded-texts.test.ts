import test from 'ava';
import { boundedTextFaults } from '../../../scripts/check/code/bounded-texts.ts';

test('no check of the service sees a text whose length was not checked', (t) => {
  t.deepEqual(boundedTextFaults(), []);
});

const faulty = [
  'z.string().max(35).refine(isLocale)',
  'z.string().max(35)',
  'z.string().trim().min(1).max(100).regex(pattern)',
  'z\n  .string()\n  .max(2_048)\n  .superRefine((value, issues) => check(value, issues))',
  'z.string().length(10)',
  'z.string().refine(isLocale)',
  'z.string().regex(pattern).refine(isLocale)',
  'z.string().transform((value) => parse(value))',
  'z.email().max(254)',
  'z.iso.date().refine(isCalendarDate)',
];
for (const schema of faulty) {
  test(`a text of any length that reaches a check is found, with its line: ${schema.replaceAll(/\s+/g, ' ')}`, (t) => {
    const [fault, ...more] = boundedTextFaults(new Map([['src/a.ts', `const a = 1;\nconst b = ${schema};\n`]]));
    t.true(fault?.startsWith('src/a.ts:2: '), fault);
    t.deepEqual(more, []);
  });
}

const right = [
  'boundedText(35).refine(isLocale)',
  'z.string().trim().max(100, { abort: true }).regex(pattern)',
  'z.string().regex(pattern)',
  'z.string().regex(pattern).transform(Number)',
  'z.iso.date({ abort: true }).refine(isCalendarDate)',
  'z.iso.datetime().transform((text) => new Date(text))',
  'z.array(z.string()).max(100)',
  'z.strictObject({ a: z.string() }).refine(check)',
];
for (const schema of right) {
  test(`a bounded text is no fault: ${schema}`, (t) => {
    t.deepEqual(boundedTextFaults(new Map([['src/a.ts', `const b = ${schema};\n`]])), []);
  });
}

test('the variables of the configuration are not looked at', (t) => {
  t.deepEqual(boundedTextFaults(new Map([['src/config/a.ts', 'z.string().max(35).refine(isUrl)']])), []);
});
