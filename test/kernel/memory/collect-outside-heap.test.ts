import test from 'ava';
import { createCollectGarbage } from '#src/kernel/memory/collect-garbage.ts';
import { collectOutsideHeap, createOutsideHeapLook } from '#src/kernel/memory/collect-outside-heap.ts';
import { eventually } from '#testkit/eventually.ts';
import { mebibyte } from '#testkit/measures/processes.ts';

const nothing = { heldBytes: () => 0, giveBackPages: () => {} };

const setup = () => {
  const state = {
    rss: 2_000,
    heapTotal: 500,
    external: 100,
    held: 0,
    now: 0,
    collectionMs: 0,
    collections: 0,
    timesGivenBack: 0,
  };
  const look = createOutsideHeapLook({
    collect: () => {
      state.collections += 1;
      state.now += state.collectionMs;
    },
    giveBackPages: () => {
      state.timesGivenBack += 1;
    },
    heldBytes: () => state.held,
    memory: () => state,
    now: () => state.now,
    minResidentBytes: 1_000,
    minGarbageBytes: 200,
    minPagesBytes: 300,
    pagesEveryMs: 3_000,
    maxCollecting: 0.1,
  });
  look();
  return { state, look };
};

test('garbage outside the heap is collected when it has grown by the min, and what stays is no reason for the next collection', (t) => {
  const { state, look } = setup();
  state.external = 299;
  look();
  t.is(state.collections, 0);
  state.external = 300;
  look();
  t.is(state.collections, 1);
  state.external = 499;
  look();
  t.is(state.collections, 1, 'it had not been garbage');
  state.external = 500;
  look();
  t.is(state.collections, 2);
});

test('buffers that are freed after the collection count from then on', (t) => {
  const { state, look } = setup();
  state.external = 400;
  look();
  t.is(state.collections, 1);
  state.external = 150;
  look();
  state.external = 350;
  look();
  t.is(state.collections, 2);
});

test('what requests hold is no garbage until they have ended', (t) => {
  const { state, look } = setup();
  state.external = 1_100;
  state.held = 1_000;
  look();
  t.is(state.collections, 0);
  state.held = 0;
  look();
  t.is(state.collections, 1);
});

test('collections take at most a share of the time', (t) => {
  const { state, look } = setup();
  state.collectionMs = 100;
  state.external = 300;
  look();
  t.is(state.collections, 1);
  state.external = 500;
  state.now = 1_099;
  look();
  t.is(state.collections, 1);
  state.now = 1_100;
  look();
  t.is(state.collections, 2);
});

test('free pages are given back while a collection must wait', (t) => {
  const { state, look } = setup();
  state.collectionMs = 100;
  state.external = 300;
  look();
  state.external = 500;
  state.rss = 2_800;
  look();
  t.deepEqual([state.collections, state.timesGivenBack], [1, 1]);
});

test('V8 decides alone while the service has little memory', (t) => {
  const { state, look } = setup();
  state.rss = 999;
  state.external = 900;
  look();
  t.is(state.collections, 0);
  state.rss = 1_000;
  look();
  t.is(state.collections, 1);
});

test('free pages are given back when they have grown by the min, not again at once, and not if they were in use', (t) => {
  const { state, look } = setup();
  state.rss = 2_299;
  look();
  t.is(state.timesGivenBack, 0);
  state.rss = 2_300;
  look();
  t.is(state.timesGivenBack, 1);
  look();
  t.is(state.timesGivenBack, 1);
  state.rss = 2_000;
  look();
  state.now = 2_999;
  state.rss = 2_300;
  look();
  t.is(state.timesGivenBack, 1, 'requests use the pages again');
  state.now = 3_000;
  look();
  t.is(state.timesGivenBack, 2);
  t.is(state.collections, 0);
});

test('the garbage of this process is collected although its heap does not grow', async (t) => {
  const collect = createCollectGarbage();
  collect();
  const buffers = () => process.memoryUsage().arrayBuffers;
  const before = buffers();
  t.teardown(collectOutsideHeap({ ...nothing, collect, minGarbageBytes: 32 * mebibyte, minResidentBytes: 0 }));
  for (let number = 0; number < 64; number += 1) Buffer.alloc(mebibyte);
  t.true(buffers() - before >= 48 * mebibyte);
  await eventually(() => buffers() - before < 8 * mebibyte, 'the garbage is collected', 20_000);
});
