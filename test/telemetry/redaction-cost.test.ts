import test from 'ava';
import { describeError, redactText, redactUrl } from '#src/telemetry/logs/redaction.ts';
import { sqlWithoutLiterals } from '#src/telemetry/tracing/sql-text.ts';
import { parseStrictObject } from '#src/auth/tokens/strict-json.ts';
import { threadMs } from '#testkit/measures/thread-time.ts';

/** Texts of about `length` characters that make a careless pattern read the same run from each of its characters. */
const hostile: Readonly<Record<string, (length: number) => string>> = {
  'letters without an end': (length) => `=@${'a'.repeat(length)}`,
  'words with hyphens': (length) => `=${'a-'.repeat(length / 2)}`,
  'beginnings of tokens': (length) => `@${'-eyJ'.repeat(length / 4)}`,
  'a token without dots': (length) => `eyJ${'a'.repeat(length)}@`,
  'letters before a scheme': (length) => `@${'abc'.repeat(length / 3)}://`,
  schemes: (length) => `${'a://'.repeat(length / 4)}@`,
  'a host without an end': (length) => `@ a://${'b'.repeat(length)}`,
  'at signs': (length) => `x://${'@'.repeat(length)}/`,
  'half addresses': (length) => 'a@'.repeat(length / 2),
  'addresses in a row': (length) => 'a@b.'.repeat(length / 4),
  'percent signs': (length) => `@${'%'.repeat(length)}`,
  'bearer words': (length) => `${'bearer '.repeat(length / 7)}=`,
  'blanks after bearer': (length) => `bearer${' '.repeat(length)}=`,
  'equal signs': (length) => 'a='.repeat(length / 2),
  quotes: (length) => `@${'"'.repeat(length)}`,
};

const redactMessage = (text: string): unknown =>
  describeError(Object.assign(new Error(text), { severity: 'ERROR', code: '22P02', stack: '' }));
const parseToken = (text: string): unknown => parseStrictObject(Buffer.from(JSON.stringify({ text, [text]: text })));

const short = 512;
const long = 8_192;
const characters = 400_000;

/** Processor time of this thread for so many characters in texts of this length, in milliseconds. */
const cost = (work: (text: string) => unknown, text: string): number => {
  const before = threadMs();
  for (let done = 0; done < characters; done += text.length) work(text);
  return threadMs() - before;
};

for (const [name, work] of Object.entries({ redactText, redactUrl, sqlWithoutLiterals, redactMessage, parseToken })) {
  test(`${name} costs the same for each character, however long the text is`, (t) => {
    for (const [what, textOf] of Object.entries(hostile)) {
      cost(work, textOf(short));
      const inShort = cost(work, textOf(short));
      const inLong = cost(work, textOf(long));
      // Sixteen times as long: a quadratic pattern costs 16 times as much. The floor is the resolution of the clock.
      t.true(inLong <= 5 * Math.max(inShort, 20), `${what}: ${inShort} ms in short texts, ${inLong} ms in long ones`);
    }
  });
}
