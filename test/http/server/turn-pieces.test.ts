import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { createTurnPieces } from '#src/http/server/turn-pieces.ts';

const taken = (take: (address: string) => boolean, address: string, count: number): number =>
  Array.from({ length: count }, () => take(address)).filter(Boolean).length;

test('the pieces of one address and of all addresses are limited in each turn', async (t) => {
  const take = createTurnPieces({ maxByAddress: 10, max: 25, few: 2, maxWithFew: 40 });
  t.is(taken(take, 'a', 20), 10);
  t.is(
    taken(take, 'b', 5),
    5,
    'another address has its own limit, and refused pieces count too, because the parser has made them',
  );
  t.is(taken(take, 'c', 10), 2, 'above the limit of all an address may bring a few');
  t.is(taken(take, 'd', 10), 2);
  t.is(taken(take, 'e', 1), 0, 'up to the second limit');
  await nextTurn();
  t.is(taken(take, 'a', 20), 10);
});
