import test from 'ava';
import { start } from './start-queue.ts';

test('in a full queue a network with few tasks takes the last place of the network with most', (t) => {
  const { add, takeAll } = start(6);
  for (let caller = 1; caller <= 5; caller += 1)
    add(`account ${caller}`, `a${caller}`, { network: 'one', expectedMs: 5 + caller });
  add('other', 'b1', { network: 'two', expectedMs: 50 });
  t.deepEqual(add('account 6', 'a6', { network: 'one', expectedMs: 1 }), ['a5'], 'not a task of a network with fewer');
  t.deepEqual(add('third', 'c1', { network: 'three', expectedMs: 60 }), ['a4'], 'although it comes last in the order');
  t.deepEqual(add('other', 'b2', { network: 'two', expectedMs: 60 }), ['a3']);
  t.deepEqual(
    add('other', 'b3', { network: 'two', expectedMs: 900 }),
    ['b3'],
    'it would wait for as many as the largest',
  );
  t.deepEqual(takeAll().toSorted(), ['a1', 'a2', 'a6', 'b1', 'b2', 'c1']);
});

test('in a full queue a network with one task keeps it while another network has more, whoever comes', (t) => {
  const { add, serve } = start(6, 1e9, () => 0);
  for (let number = 0; number < 5; number += 1) {
    add('usual', 'earlier', { network: 'usual', expectedMs: 200 });
    serve();
  }
  for (const network of ['one', 'two'])
    for (const name of ['first', 'last']) add(network, `${name} of ${network}`, { network });
  add('three', 'first of three', { network: 'three' });
  t.deepEqual(
    add('usual', 'usual', { network: 'usual' }),
    [],
    'it is the last in the order, because of its recent work',
  );
  t.deepEqual(add('four', 'first of four', { network: 'four' }), ['last of two']);
  t.deepEqual(add('five', 'first of five', { network: 'five' }), ['last of one']);
  t.deepEqual(add('six', 'first of six', { network: 'six' }), ['usual'], 'no network has more, so the order decides');
});

test('when only the bytes are full, the network with most bytes loses its place', (t) => {
  const { add, queue } = start(100, 10_000);
  for (let caller = 1; caller <= 8; caller += 1)
    add(`small ${caller}`, `small ${caller}`, { network: 'small', bytes: 100, expectedMs: 900 });
  add('large', 'large', { network: 'large', bytes: 9_000, expectedMs: 1 });
  t.deepEqual(add('other', 'other', { network: 'other' }), ['large']);
  t.is(queue.size(), 9);
});

test('a large task of a network with few tasks frees as many bytes as it needs', (t) => {
  const { add, queue } = start(100, 10_000);
  for (let caller = 1; caller <= 8; caller += 1)
    add(`account ${caller}`, `a${caller}`, { network: 'one', expectedMs: caller });
  t.deepEqual(add('other', 'b1', { network: 'two', bytes: 4_500, expectedMs: 99 }), ['a8', 'a7', 'a6']);
  t.is(queue.size(), 6);
});

test('recent work for a network delays all its callers, so others come first, also in a full queue', (t) => {
  const clock = { now: 0 };
  const { queue, add, serve, takeAll } = start(3, 1e9, () => clock.now);
  for (let number = 0; number < 20; number += 1) {
    add(`busy ${number}`, 'busy', { network: 'busy', expectedMs: 100 });
    serve();
  }
  for (const name of ['one', 'two', 'three']) add(name, name, { network: name, expectedMs: 60 });
  t.deepEqual(add('busy 20', 'busy', { network: 'busy', expectedMs: 1 }), ['busy'], 'a new caller of the network');
  t.deepEqual(takeAll(), ['one', 'two', 'three']);
  // Half of 2,000 ms is left after 30 s, and the max delay is 1,000 ms. The time of the others passes meanwhile.
  clock.now = 300_000;
  add('four', 'four', { network: 'four', expectedMs: 60 });
  add('busy 21', 'busy', { network: 'busy', expectedMs: 1 });
  t.deepEqual(takeAll(), ['busy', 'four'], 'it is forgotten after some minutes');
  t.is(queue.size(), 0);
});

test('in a full queue of short tasks a network without recent work takes the place of the one with most', (t) => {
  const { add, serve } = start(3, 1e9, () => 0);
  for (const [index, network] of ['one', 'two', 'three'].entries()) {
    add(network, 'earlier', { network, expectedMs: 150 + index });
    serve();
  }
  for (const network of ['one', 'two', 'three']) add(`${network} again`, network, { network, expectedMs: 1 });
  t.deepEqual(
    add('other', 'other', { network: 'other', expectedMs: 60 }),
    ['three'],
    'its work had less than the free time',
  );
  t.deepEqual(add('other 2', 'second', { network: 'other', expectedMs: 60 }), ['second'], 'the network waits already');
  t.deepEqual(add('three', 'late', { network: 'three', expectedMs: 60 }), ['late'], 'the others had as much work');
});

test('a network that had all processes waits a limited time', (t) => {
  const { add, serve } = start(100, 1e9, () => 0);
  for (let number = 0; number < 1_000; number += 1) {
    add('busy', 'busy', { network: 'busy', expectedMs: 100 });
    serve();
  }
  add('busy', 'busy', { network: 'busy', expectedMs: 10 });
  let others = 0;
  for (let name = ''; name !== 'busy'; others += 1) {
    add(`other ${others}`, 'other', { network: `other ${others}`, expectedMs: 10 });
    ({ name } = serve());
  }
  t.true(others > 100 && others <= 210, `${others}`);
});
