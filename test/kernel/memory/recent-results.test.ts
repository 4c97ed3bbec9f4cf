import test from 'ava';
import { recentResults } from '#src/kernel/memory/recent-results.ts';

test('a result is made once, and the memory has a limit of entries and of characters', (t) => {
  const made: string[] = [];
  const make = (text: string): string => {
    made.push(text);
    return text.toUpperCase();
  };
  const upper = recentResults(make, { maxEntries: 2, maxCharacters: 5 });
  t.deepEqual(['a', 'b', 'a', 'b'].map(upper), ['A', 'B', 'A', 'B']);
  t.deepEqual(made, ['a', 'b']);
  t.is(upper('c'), 'C');
  t.is(upper('b'), 'B');
  t.deepEqual(made, ['a', 'b', 'c'], 'the oldest one has gone');
  t.is(upper('a'), 'A');
  t.deepEqual(made, ['a', 'b', 'c', 'a']);
  t.deepEqual(['longer', 'longer'].map(upper), ['LONGER', 'LONGER']);
  t.deepEqual(made.slice(4), ['longer', 'longer'], 'a long text is not kept');
});

test('an undefined result is remembered too', (t) => {
  let calls = 0;
  const find = recentResults(() => void (calls += 1), { maxEntries: 2, maxCharacters: 5 });
  find('a');
  find('a');
  t.is(calls, 1);
});
