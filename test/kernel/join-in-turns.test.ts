import test from 'ava';
import { joinInTurns } from '#src/kernel/streams/join-in-turns.ts';

test('the pieces of a body are joined in their order, released, and other requests get their turn', async (t) => {
  const pieces = Array.from({ length: 20 }, (_, index) => Buffer.alloc(65_536, index));
  const wanted = Buffer.concat(pieces);
  let now = 0;
  let turns = 0;
  // By this clock each copy lasts longer than a turn may.
  const joined = await joinInTurns(pieces, { monotonic: () => (now += 10), nextTurn: async () => void (turns += 1) });
  t.true(joined.equals(wanted));
  t.is(turns, 20);
  t.deepEqual(
    pieces.map(({ length }) => length),
    pieces.map(() => 0),
  );
});
