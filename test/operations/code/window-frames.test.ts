import test from 'ava';
import { windowFrameFaults } from '../../../scripts/check/code/window-frames.ts';

test('no window of a statement moves its start', (t) => {
  t.deepEqual(windowFrameFaults(), []);
});

test('a window that moves its start is found, with its line', (t) => {
  const code = 'a\nmin(date) over (order by date rows between current row and unbounded following)';
  t.regex(windowFrameFaults(new Map([['src/a.ts', code]]))[0]!, /^src\/a\.ts:2: the window "between current row/);
  const fixed = 'min(date) over (order by date desc rows between unbounded preceding and current row)';
  t.deepEqual(windowFrameFaults(new Map([['src/a.ts', fixed]])), []);
});
