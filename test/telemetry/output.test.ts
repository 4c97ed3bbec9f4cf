import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { ExportResultCode } from '@opentelemetry/core';
import test, { type ExecutionContext } from 'ava';
import { createOutput, type OutputDeps } from '#src/telemetry/logs/output.ts';

type Done = Parameters<NonNullable<OutputDeps['write']>>[2];

const setup = () => {
  const writes: { text: string; done: Done }[] = [];
  const lost: [reason: string, lines: number][] = [];
  let ms = 5_000;
  const output = createOutput({
    fd: 1,
    maxBytes: 100,
    onLost: (reason, lines) => lost.push([reason, lines]),
    write: (_, bytes, done) => writes.push({ text: bytes.toString(), done }),
    now: () => ms,
  });
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  return { ...output, writes, lost, full, pass: (time: number) => (ms += time) };
};

test('lines that come during a write are written together after it, in order', async (t) => {
  const { write, flush, writes, lost } = setup();
  write('one\n');
  write('two\n');
  write('three\n');
  const flushed = flush(1_000);
  writes[0]?.done(null, 2);
  t.is(writes[1]?.text, 'e\n');
  writes[1]?.done(null, 2);
  t.is(writes[2]?.text, 'two\nthree\n');
  writes[2]?.done(null, 10);
  t.true(await flushed);
  t.true(await flush(1_000));
  t.is(writes.length, 3);
  t.deepEqual(lost, []);
});

test('after an error the lines that wait are lost and counted, and writing is tried again after a second', async (t) => {
  const { write, flush, writes, lost, full, pass } = setup();
  write('one\n');
  write('two\nthree\n');
  const flushed = flush(1_000);
  writes[0]?.done(full, 0);
  t.false(await flushed);
  t.deepEqual(lost, [['write_failed', 3]]);
  write('four\n');
  t.is(writes.length, 1);
  t.false(await flush(1_000));
  t.deepEqual(lost.slice(1), [['write_failed', 1]]);
  pass(1_000);
  write('five\n');
  t.is(writes[1]?.text, 'five\n');
  writes[1]?.done(null, 5);
  t.true(await flush(1_000));
  t.is(lost.length, 2);
});

test('a line that an error has cut is ended before the next line, and counted once', (t) => {
  const { write, writes, lost, full, pass } = setup();
  write('one\ntwo\n');
  writes[0]?.done(null, 5);
  writes[1]?.done(full, 0);
  t.deepEqual(lost, [['write_failed', 1]]);
  pass(1_000);
  write('three\n');
  t.is(writes[2]?.text, '\nthree\n');
  writes[2]?.done(full, 0);
  t.deepEqual(lost.slice(1), [['write_failed', 1]]);
  pass(1_000);
  write('four\n');
  writes[3]?.done(null, 6);
  write('five\n');
  t.is(writes[4]?.text, 'five\n');
});

test('a slow reader loses the lines above the limit, and a full pipe is tried again', async (t) => {
  const { write, writes, lost } = setup();
  write(`${'x'.repeat(50)}\n`);
  write(`${'y'.repeat(90)}\n`);
  write(`${'z'.repeat(50)}\n`);
  t.deepEqual(lost, [['queue_full', 1]]);
  writes[0]?.done(Object.assign(new Error('busy'), { code: 'EAGAIN' }), 0);
  await new Promise((resolve) => setTimeout(resolve, 150));
  t.is(writes[1]?.text, writes[0]?.text);
  t.is(lost.length, 1);
});

const busy = Object.assign(new Error('busy'), { code: 'EAGAIN' });

/** Two lines wait, the first one because the pipe is full. */
const untilFull = (writeSync: (bytes: Buffer) => number) => {
  const dones: Done[] = [];
  const output = createOutput({
    fd: 1,
    maxBytes: 1_000,
    onLost: () => {},
    write: (_, __, done) => dones.push(done),
    writeSync: (_, bytes) => writeSync(bytes),
  });
  output.write('one\n');
  output.write('two\n');
  dones[0]!(null, 1);
  dones[1]!(busy, 0);
  return output;
};

test('at the exit of the process the line that a full pipe has cut is written too', (t) => {
  const written: string[] = [];
  const attempts = [busy, undefined];
  const { writeAtExit } = untilFull((bytes) => {
    const error = attempts.shift();
    if (error) throw error;
    return written.push(bytes.toString('latin1', 0, 3)) && 3;
  });
  writeAtExit();
  t.is(written.join(''), 'ne\ntwo\n');
});

test('at the exit of the process a reader that does not read is waited for at most a second', (t) => {
  let attempts = 0;
  const { writeAtExit } = untilFull(() => {
    attempts += 1;
    throw busy;
  });
  const startedAt = performance.now();
  writeAtExit();
  t.is(attempts, 10);
  t.true(performance.now() - startedAt < 3_000);
});

const program = fileURLToPath(import.meta.resolve('./fixtures/refused-program.ts'));
const check = async (t: ExecutionContext, stdout: number | 'pipe'): Promise<void> => {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', stdout, 'pipe'], timeout: 20_000 });
  child.stdout?.destroy();
  child.stdin?.end();
  const [said, ended] = await Promise.all([text(child.stderr!), once(child, 'close')]);
  t.deepEqual(ended, [0, null], said);
  t.deepEqual(JSON.parse(said), { isFlushed: false, dropped: { write_failed: 26 }, spans: ExportResultCode.FAILED });
};

test('a full disk does not end the process, and each lost line counts', async (t) => {
  const file = await open('/dev/full', 'w');
  await check(t, file.fd);
  await file.close();
});

test('a reader that has left does not end the process, and each lost line counts', (t) => check(t, 'pipe'));
