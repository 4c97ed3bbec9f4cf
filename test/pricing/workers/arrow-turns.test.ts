import test from 'ava';
import { createVolatilityForecaster } from '#src/pricing/forecast/volatility-forecast.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import { createSearchWatch } from '#src/pricing/models/search-watch.ts';
import { createOpenTask } from '#src/pricing/workers/open-task.ts';
import type { FromWorker } from '#src/pricing/workers/protocol.ts';
import { strikesStream } from '#testkit/arrow/arrow-support.ts';
import { patch } from '#testkit/arrow/streams.ts';
import { dividendsOf, numbersOf, streamOf } from '#testkit/arrow/text-views.ts';

const rows = 50_000;
const rowsOfStep = 4_096;
const strikes = Array.from({ length: rows }, (_, row) => 60 + row / 1_000);
const stream = strikesStream(strikes, (row) => (row % 3 === 0 ? 'put' : 'call'));

const open = (bytes: Uint8Array, messages: FromWorker[] = []) =>
  createOpenTask(
    { type: 'task', id: 1, request: { input: 'arrow', answer: ['json'], jsonDepth: 20 }, limits: { maxMs: 60_000 } },
    Uint8Array.from(bytes),
    {
      engines: createEngineFactory(),
      searches: createSearchWatch(),
      forecastVolatility: createVolatilityForecaster(),
      send: (message) => void messages.push(message),
    },
  );

/** Works in turns that are as short as they can be. @returns the answer, and the turn in which the batch was open */
const work = async (bytes: Uint8Array) => {
  const messages: FromWorker[] = [];
  const task = open(bytes, messages);
  for (let turns = 1, openedAt = 0; ; turns += 1) {
    const answer = await task.work(0);
    if (openedAt === 0 && messages.some(({ type }) => type === 'opened')) openedAt = turns;
    if (answer) return { turns, openedAt, answer };
  }
};

test('a long Arrow stream is read in turns, with the same answer as in one', async (t) => {
  const { openedAt, answer } = await work(stream);
  // The texts are checked, read and compared, a step of rows each. Each column ends a step.
  t.true(openedAt > 3 * Math.floor(rows / rowsOfStep), `${openedAt} turns`);
  t.like(answer.reply, { outcome: { size: rows } });
  const pricesOf = (chunks: readonly Uint8Array[] | undefined): unknown =>
    (JSON.parse(Buffer.concat(chunks!).toString()) as { columns: { price: unknown } }).columns.price;
  t.deepEqual(pricesOf(answer.chunks), pricesOf((await open(stream).work(600_000))?.chunks));
});

test('the items of lists are read in turns too, whatever the number of rows', async (t) => {
  const { turns, answer } = await work(
    streamOf({ spot: numbersOf(10), dividends: dividendsOf(200_000, 10, '2026-12-01 00:00:00.000') }),
  );
  t.true(turns > 4 * Math.floor(200_000 / rowsOfStep), `${turns} turns`);
  t.like(answer.reply, { refusal: { code: 'validation_failed' } });
});

test('between the turns of a long Arrow stream a small batch is read, priced and written', async (t) => {
  const long = open(stream);
  t.is(await long.work(0), undefined);
  t.like((await open(strikesStream([90, 110])).work(1_000))?.reply, { outcome: { size: 2 } });
  t.is(await long.work(0), undefined);
  long.cancel();
  t.like(await long.work(0), { reply: { cancelled: true } });
});

test('a contradiction that a later turn finds refuses the stream', async (t) => {
  /** The end of the last text is outside of its buffer. */
  const broken = patch(stream, 'batch', ({ header, view, body }) => {
    const offsets = header.vector(2, 16).count - 2;
    const at = Number(view.getBigInt64(header.vector(2, 16).start + 16 * offsets, true));
    new DataView(body.buffer, body.byteOffset).setInt32(at + 4 * rows, 2 ** 30, true);
  });
  const { turns, answer } = await work(broken);
  t.true(turns > Math.floor(rows / rowsOfStep), `${turns} turns`);
  t.like(answer.reply, { refusal: { code: 'malformed_body', abuse: 'arrow_invalid' } });
});
