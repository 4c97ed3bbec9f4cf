import test from 'ava';
import { createFairQueue } from '#src/pricing/workers/fair-queue.ts';
import { isLargeText, takeNext, type LaneTask, type OpenTask } from '#src/pricing/workers/lanes/lane-task.ts';
import { memoryLimit } from '#src/kernel/memory/memory-limit.ts';
import { createLargeTexts, largeTextsIn } from '#src/pricing/workers/lanes/large-texts.ts';
import { threadMs } from '#src/pricing/models/thread-ms.ts';
import { maxParsedBytes, parsedBytesOf } from '#src/pricing/workers/lanes/text-bytes.ts';
import { laneFor, placesIn } from '#src/pricing/workers/lanes/lane-limits.ts';

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
  const clock = { ms: 0 };
  const timers: { pump: () => void; at: number }[] = [];
  const largeTexts = createLargeTexts(places, {
    delayMs: 5_000,
    now: () => clock.ms,
    wake: (pump, afterMs) => timers.push({ pump, at: clock.ms + afterMs }),
  });
  const pass = (ms: number): void => {
    clock.ms += ms;
    for (const timer of timers.filter(({ at }) => at <= clock.ms)) {
      timers.splice(timers.indexOf(timer), 1);
      timer.pump();
    }
  };
  const opened: string[] = [];
  const lane = (name: string) => {
    const queue = createFairQueue<LaneTask>({ maxTasks: 10, maxBytes: Infinity });
    const open = new Map<LaneTask, OpenTask>();
    const pump = (): void => {
      for (;;) {
        const task = takeNext(queue, [...open.values()], placesIn('long', 500), places.ask);
        if (task === undefined) break;
        if (isLargeText(task)) places.opened();
        open.set(task, { task, workedMs: 0 } as OpenTask);
        opened.push(`${name} ${task.caller}`);
      }
      places.settle(queue.has(isLargeText));
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
        if (isLargeText(task)) places.ended();
        pump();
      },
    };
  };
  return { lanes: names.map(lane), opened, pass };
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
  t.deepEqual(opened.slice(4), ['short c'], 'the process for long work has another text');
});

test('a place waits for no process without room, and a lane that has missed it gets the next one', (t) => {
  const { lanes, opened } = lanesOf(1, 'medium', 'long');
  const [medium, long] = lanes as [(typeof lanes)[0], (typeof lanes)[0]];
  const [middle, later] = [textOf('middle', 2e6), textOf('later', 2e6)];
  const [missed, other, third] = [textOf('a', 55e6), textOf('b', 55e6), textOf('c', 55e6)];
  medium.add(middle);
  medium.add(missed);
  long.add(other);
  t.deepEqual(opened, ['medium middle', 'long b']);
  medium.add(later);
  long.add(third);
  medium.end(middle);
  t.deepEqual(opened.slice(2), [], 'a later text does not take the room again');
  long.end(other);
  t.deepEqual(opened.slice(2), ['medium a']);
  medium.end(missed);
  t.deepEqual(opened.slice(3).toSorted(), ['long c', 'medium later']);
});

test('a text that has missed a place delays the others for some seconds only, however long another lane has the place', (t) => {
  const { lanes, opened, pass } = lanesOf(1, 'medium', 'long');
  const [medium, long] = lanes as [(typeof lanes)[0], (typeof lanes)[0]];
  const [middle, next, last] = [textOf('middle', 2e6), textOf('next', 2e6), textOf('last', 2e6)];
  const [missed, minutes, second] = [textOf('a', 55e6), textOf('b', 55e6), textOf('c', 55e6)];
  medium.add(middle);
  medium.add(missed);
  long.add(minutes);
  medium.add(next);
  medium.end(middle);
  pass(4_999);
  t.deepEqual(opened, ['medium middle', 'long b'], 'the process is kept for the large text');
  pass(1);
  t.deepEqual(opened.slice(2), ['medium next'], 'nothing else has happened than that the time has passed');
  long.add(second);
  long.end(minutes);
  t.deepEqual(opened.slice(3), ['long c'], 'the lane has missed the place again');
  medium.add(last);
  medium.end(next);
  pass(9_999);
  t.deepEqual(opened.slice(4), [], 'a text that misses twice delays the others for twice as long');
  long.end(second);
  t.deepEqual(opened.slice(4), ['medium a']);
});

test('a text that has missed no place delays no other one, although another text of its lane has missed one', (t) => {
  const { lanes, opened } = lanesOf(1, 'medium', 'long');
  const [medium, long] = lanes as [(typeof lanes)[0], (typeof lanes)[0]];
  const missed = textOf('a', 55e6);
  medium.add(textOf('middle', 2e6));
  medium.add(missed);
  long.add(textOf('b', 55e6));
  medium.add(textOf('later', 2e6));
  medium.add(textOf('c', 55e6));
  t.deepEqual(opened, ['medium middle', 'long b']);
  medium.remove(missed);
  t.deepEqual(opened.slice(2), ['medium later']);
});

test('a large text that has left its queue holds no place and delays no other text', (t) => {
  const { lanes, opened } = lanesOf(1, 'medium', 'long');
  const [medium, long] = lanes as [(typeof lanes)[0], (typeof lanes)[0]];
  const [missed, other] = [textOf('a', 55e6), textOf('b', 55e6)];
  medium.add(textOf('middle', 2e6));
  medium.add(missed);
  long.add(other);
  medium.add(textOf('later', 2e6));
  t.deepEqual(opened, ['medium middle', 'long b']);
  medium.remove(missed);
  t.deepEqual(opened.slice(2), ['medium later']);
  medium.add(textOf('c', 55e6));
  medium.add(textOf('last', 2e6));
  t.deepEqual(opened.slice(3), ['medium last'], 'the lane has not missed a place for this text');
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
  const calibration = Buffer.from(`${long}\u0100`);
  t.is(parsedBytesOf('quotes', { blocks: [calibration], byteLength: calibration.byteLength }), 2 * 300_002);
});

test('a text of backslashes is searched in a moment', (t) => {
  const text = Buffer.alloc(maxParsedBytes, `${'\\'.repeat(62)}aa`);
  const begun = threadMs();
  t.is(parsedBytesOf('json', { blocks: [text], byteLength: text.byteLength }), 2 * maxParsedBytes);
  t.true(threadMs() - begun < 20, 'a search for two bytes takes more than 100 ms');
});

test('a large text does not go to a process for short work, because its garbage is collected at its end', (t) => {
  t.is(laneFor({ kind: 'batch', isLarge: true }, 315, 1, 500), 'medium');
  t.is(laneFor({ kind: 'batch', isLarge: true }, 6_000, 1, 500), 'long');
  t.is(laneFor({ kind: 'batch', isLarge: false }, 315, 1, 500), 'short');
});

test('places for large texts are limited by the memory of the container, whatever the number of processors', (t) => {
  const gibibyte = 2 ** 30;
  t.is(largeTextsIn(2 * gibibyte, 15), 1);
  t.is(largeTextsIn(4 * gibibyte, 15), 3);
  t.is(largeTextsIn(64 * gibibyte, 15), 15);
  t.is(largeTextsIn(gibibyte / 2, 1), 1, 'one can always be open');
  t.is(memoryLimit(2 * gibibyte, 64 * gibibyte), 2 * gibibyte);
  t.is(memoryLimit(0, 64 * gibibyte), 64 * gibibyte, 'the limit is not known');
  t.is(memoryLimit(2 ** 64, 64 * gibibyte), 64 * gibibyte, 'a container without a limit');
});
