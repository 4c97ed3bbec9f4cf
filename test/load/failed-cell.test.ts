import test from 'ava';
import type { Cell } from '#load/chaos/cell.ts';
import { runCell } from '#load/chaos/run-cell.ts';
import type { World } from '#load/chaos/world.ts';

const cell: Cell = {
  group: 'redis',
  name: 'cut',
  how: 'a cell for this test',
  probe: 'read',
  prepare: async () => {
    throw new DOMException('The operation was aborted due to timeout', 'TimeoutError');
  },
  inject: () => {},
  heal: () => {},
  hasEffect: () => true,
  codes: [],
  deadlineMs: 1_000,
};

test('a cell that throws is a failed cell with the reason, and the caller can run the next one', async (t) => {
  const { passed, checks, name } = await runCell(cell, {} as World);
  t.false(passed);
  t.is(name, 'cut');
  t.regex(checks[0]!.detail, /aborted due to timeout/);
});
