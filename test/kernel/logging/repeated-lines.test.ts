import test from 'ava';
import { createRepeatedLines } from '#src/kernel/logging/repeated-lines.ts';
import { silentLogger, type LogFields } from '#src/kernel/ports/logger.ts';
import { eventually } from '#testkit/eventually.ts';

test('a state has a max number of lines in a minute, and one line has the number of the others', async (t) => {
  // The minute ends in a moment, because the timer is a real one.
  let now = 0;
  const lines: { fields: LogFields; message: string }[] = [];
  const logger = {
    ...silentLogger,
    warn: (fields: LogFields, message: string) => void lines.push({ fields, message }),
  };
  const warn = createRepeatedLines({ clock: { monotonic: () => now }, logger });
  const write = (state: string, times: number): void => {
    for (let count = 0; count < times; count += 1) warn(state, { state }, 'the load failed');
  };
  const of = (state: string): number =>
    lines.filter(({ fields, message }) => fields['state'] === state && message === 'the load failed').length;

  write('database_unavailable', 30);
  now = 59_990;
  write('database_unavailable', 2_000);
  t.is(of('database_unavailable'), 30);
  write('database_timeout', 1);
  t.is(of('database_timeout'), 1, 'another state does not lose its first line');
  await eventually(
    () => lines.some(({ message }) => message === 'lines of a state were left out'),
    'the number is told',
  );
  t.like(lines.at(-1), { fields: { state: 'database_unavailable', omitted: 2_000, of: 'the load failed' } });
  now = 60_000;
  write('database_unavailable', 5);
  t.is(of('database_unavailable'), 35, 'the next minute');
});
