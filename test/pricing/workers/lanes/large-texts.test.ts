import test from 'ava';
import { createFairQueue } from '#src/pricing/workers/fair-queue.ts';
import { takeNext, type LaneTask, type OpenTask } from '#src/pricing/workers/lanes/lane-task.ts';
import { createLargeTexts } from '#src/pricing/workers/lanes/large-texts.ts';
import { mayHaveWideTexts, parsedBytesOf } from '#src/pricing/workers/lanes/text-bytes.ts';
import { laneSettings } from '#src/pricing/workers/lanes/lane-limits.ts';

const textOf = (caller: string, parsedBytes: number): LaneTask =>
  ({
    caller,
    kind: 'batch',
    bytes: parsedBytes,
    parsedBytes,
    expectedMs: 1_000,
    limits: { maxMs: 30_000 },
  }) as LaneTask;

/** Lanes with one process each, which opens all tasks that it may. */
const lanesOf = (places: number, ...names: readonly string[]) => {
  const largeTexts = createLargeTexts(places);
  const opened: string[] = [];
  const lane = (name: string) => {
    const queue = createFairQueue<LaneTask>({ maxTasks: 10, maxBytes: Infinity });
    const open = new Map<LaneTask, OpenTask>();
    const pump = (): void => {
      places.begin();
      for (;;) {
        const task = takeNext(queue, [...open.values()], laneSettings.long.places, places.mayOpen);
        if (task === undefined) break;
        if (task.parsedBytes > 12 * 2 ** 20) places.opened();
        open.set(task, { task, workedMs: 0 } as OpenTask);
        opened.push(`${name} ${task.caller}`);
      }
      places.settle();
    };
    const places = largeTexts.forLane(pump);
    return {
      add: (task: LaneTask) => {
        queue.add(task);
        pump();
      },
      remove: (task: LaneTask) => {
        queue.remove(task);
        pump();
      },
      end: (task: LaneTask) => {
        open.delete(task);
        if (task.parsedBytes > 12 * 2 ** 20) places.ended();
        pump();
      },
    };
  };
  return { lanes: names.map(lane), opened };
};

test('one large text is open in all lanes, and lanes that wait get the place in their order', (t) => {
  const { lanes, opened } = lanesOf(1, 'medium', 'long', 'short');
  const [medium, long, short] = lanes as [(typeof lanes)[0], (typeof lanes)[0], (typeof lanes)[0]];
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((caller) => textOf(caller, 55e6)) as [
    LaneTask,
    LaneTask,
    LaneTask,
    LaneTask,
  ];
  medium.add(a);
  medium.add(d);
  long.add(b);
  short.add(c);
  long.add(textOf('small', 1e5));
  long.add(textOf('middle', 2e6));
  t.deepEqual(opened, ['medium a', 'long small', 'long middle'], 'other texts do not wait for the place');
  medium.end(a);
  t.deepEqual(opened.slice(3), ['medium d'], 'the lane for medium work waited first');
  medium.end(d);
  short.remove(c);
  t.deepEqual(opened.slice(4), [], 'the process for long work has another text');
  long.end(b);
});

test('a lane that needs its place no longer leaves it to the next one', (t) => {
  const { lanes, opened } = lanesOf(1, 'medium', 'long');
  const [medium, long] = lanes as [(typeof lanes)[0], (typeof lanes)[0]];
  const middle = textOf('middle', 2e6);
  const [waiting, next] = [textOf('a', 55e6), textOf('b', 55e6)];
  medium.add(middle);
  medium.add(waiting);
  long.add(next);
  t.deepEqual(opened, ['medium middle'], 'the place is kept until the process has room');
  medium.remove(waiting);
  t.deepEqual(opened, ['medium middle', 'long b']);
});

test('JSON with characters or escapes beyond ASCII counts twice, unless it is small', (t) => {
  const json = (...texts: readonly string[]): number => {
    const blocks = texts.map((text) => Buffer.from(text));
    return parsedBytesOf('json', { blocks, byteLength: blocks.reduce((sum, { byteLength }) => sum + byteLength, 0) });
  };
  const long = 'x'.repeat(300_000);
  t.is(json(long), 300_000);
  t.is(json(long, '\u0100'), 2 * 300_002);
  t.is(json(long, String.raw`\u0100`), 2 * 300_006);
  t.is(json(long, '\\', 'u0100'), 2 * 300_006, 'an escape in two blocks');
  t.is(json('\u0100'), 2, 'a batch of 1,000 rows waits for no other text');
  t.false(mayHaveWideTexts([Buffer.from(String.raw`"a\"b"`)]));
});
