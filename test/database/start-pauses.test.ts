import { createServer } from 'node:net';
import test from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { startPauses } from '#src/database/start-pauses.ts';
import type { LogFields } from '#src/kernel/ports/logger.ts';
import { eventually } from '#testkit/eventually.ts';
import { databaseSettings } from '#testkit/database.ts';

const limitsMs = [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000];
const draw = (random?: () => number): number[] => startPauses(random).take(limitsMs.length).toArray();

test('200 starts: each pause is between half and all of its limit, and the pauses differ', (t) => {
  const starts = Array.from({ length: 200 }, () => draw());
  for (const [attempt, limitMs] of limitsMs.entries()) {
    const pauses = starts.map((pausesMs) => pausesMs[attempt]!);
    t.true(
      pauses.every((pause) => pause >= limitMs / 2 && pause <= limitMs),
      `attempt ${attempt}`,
    );
    t.true(new Set(pauses).size > 10, `attempt ${attempt}`);
  }
});

test('the random number decides about the upper half of the limit', (t) => {
  t.deepEqual(
    draw(() => 0),
    limitsMs.map((limitMs) => limitMs / 2),
  );
  t.deepEqual(
    draw(() => 0.5),
    limitsMs.map((limitMs) => Math.round(limitMs * 0.75)),
  );
});

test('a start without a database logs pauses that differ between instances', async (t) => {
  // The port is taken by a server that closes each connection, so that nothing else can use it.
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { readonly port: number };
  const start = async (): Promise<number> => {
    const lines: LogFields[] = [];
    const none = (): void => {};
    const logger = { debug: none, info: none, warn: (fields: LogFields) => void lines.push(fields), error: none };
    const database = await createDatabase({ ...databaseSettings(`postgres://u:p@127.0.0.1:${port}/none`), logger });
    const stop = new AbortController();
    const ready = database.waitUntilReady({ signal: stop.signal });
    const stopped = t.throwsAsync(ready);
    await eventually(() => lines.length > 0, 'the first pause is logged');
    stop.abort();
    await stopped;
    await database.close();
    return Number(lines[0]?.['retry_in_ms']);
  };
  const pauses = await Promise.all(Array.from({ length: 8 }, start));
  t.true(
    pauses.every((pause) => pause >= 125 && pause <= 250),
    String(pauses),
  );
  t.true(new Set(pauses).size > 1, String(pauses));
});
