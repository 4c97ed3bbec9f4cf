import { brotliCompressSync, constants } from 'node:zlib';
import test from 'ava';
import { createBodyMemory, type HeldBytes } from '#src/http/admission/bodies/body-memory.ts';
import { eventually } from '#testkit/eventually.ts';
import { openSocket, type RawSocket } from '#testkit/raw-sockets.ts';
import { serve } from '../support.ts';
import { bodyRoutes, chunkOf, post } from './routes.ts';

const kilobyte = 1_000;

/** 1,000 kB, and 16 kB of it for each caller while they are free. */
const create = () => {
  let time = 0;
  const memory = createBodyMemory({
    limit: 1_000 * kilobyte,
    callerPercent: 50,
    minAmount: 16 * kilobyte,
    now: () => time,
  });
  const displaced: string[] = [];
  const open = (key: string, clientIp = key): HeldBytes =>
    memory.open({ key, clientIp }, () => void displaced.push(key));
  /** Takes as much as there is, in pieces. */
  const fill = (held: HeldBytes): number => {
    let taken = 0;
    while (held.take(kilobyte) === undefined) taken += 1;
    return taken;
  };
  return { memory, open, fill, displaced, wait: (ms: number) => (time += ms) };
};

test('when bodies that are still arriving hold all memory, a new caller takes it from the one that holds most', (t) => {
  const { memory, open, fill, displaced } = create();
  const attackers = Array.from({ length: 50 }, (_, index) => fill(open(`10.0.0.${index}`)));
  t.true(attackers[0]! >= 490, 'the first one reached its share');
  const before = displaced.length;
  for (let newcomer = 0; newcomer < 5; newcomer += 1) {
    const body = open(`10.0.1.${newcomer}`);
    t.is(memory.check({ key: `10.0.1.${newcomer}`, clientIp: `10.0.1.${newcomer}` }, 15 * kilobyte), undefined);
    for (let piece = 0; piece < 15; piece += 1) t.is(body.take(kilobyte), undefined);
    body.settle();
  }
  t.deepEqual(
    displaced.filter((key) => key.startsWith('10.0.1.')),
    [],
    'no newcomer loses its bytes',
  );
  t.true(displaced.length >= before);
  t.true(memory.total() <= 1_000 * kilobyte);
});

test('the accounts of one network have the share of a network, and a caller of another one finds memory', (t) => {
  const { memory, open, fill, displaced } = create();
  for (let account = 0; account < 50; account += 1) fill(open(`user:${account}`, '10.0.0.1'));
  t.true(memory.total() <= 750 * kilobyte, `${memory.total()}`);
  const other = open('10.0.0.2');
  for (let piece = 0; piece < 15; piece += 1) t.is(other.take(kilobyte), undefined);
  t.deepEqual(displaced, [], 'a part was kept for it');
});

test('bytes of a body that has arrived are not taken, and nobody takes from a network that uses less', (t) => {
  const { open, fill, displaced } = create();
  const done = open('10.0.0.1');
  fill(done);
  done.settle();
  const small = open('10.0.0.2');
  t.is(small.take(100 * kilobyte), undefined);
  const large = open('10.0.0.3');
  t.is(large.take(100 * kilobyte), undefined);
  t.not(large.take(400 * kilobyte), undefined, 'it would hold more than the other one');
  t.deepEqual(displaced, []);
  done.release();
  t.is(large.take(100 * kilobyte), undefined);
});

test('of two callers that hold the same, the one that held less recently keeps its bytes', (t) => {
  const { open, displaced, wait } = create();
  for (let caller = 0; caller < 61; caller += 1) open(`10.0.0.${caller}`).take(16 * kilobyte);
  wait(5_000);
  const late = open('10.0.1.1');
  t.is(late.take(16 * kilobyte), undefined);
  t.is(open('10.0.1.2').take(16 * kilobyte), undefined);
  t.is(open('10.0.1.3').take(16 * kilobyte), undefined);
  t.true(displaced.length > 0);
  t.true(displaced.every((key) => key.startsWith('10.0.0.')));
});

test('clients of 20 addresses that keep large bodies open leave memory for the bodies of others', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { port, kinds, reported } = await serve(t, {
    routes: bodyRoutes(() => gate.promise),
    limits: { batchBodyLimitBytes: 4_000 * kilobyte },
    bodyAdmission: { maxTotalBytes: 4_000 * kilobyte },
  });
  const headers = { 'Transfer-Encoding': 'chunked' };
  const held = (): number => reported.findLast(({ name }) => name === 'volwatch_http_body_bytes')?.value ?? 0;
  const open = async (from: string, bytes: number): Promise<RawSocket> => {
    const socket = await openSocket(t, { port, from }, post('/pricing/batch', headers));
    const before = held();
    socket.socket.write(chunkOf(Buffer.alloc(bytes, ' ')));
    await eventually(() => held() > before + bytes / 2 || socket.answer() !== '', 'the bytes are held or refused');
    return socket;
  };
  const attackers = [await open('127.0.3.1', 1_900 * kilobyte), await open('127.0.3.2', 900 * kilobyte)];
  for (let index = 3; index <= 20; index += 1) attackers.push(await open(`127.0.3.${index}`, 60 * kilobyte));
  t.true(held() > 3_800 * kilobyte, `${held()} bytes are held`);
  t.deepEqual(kinds, []);

  // More than what is free, and all at once, because they wait for the gate.
  const others = await Promise.all(
    Array.from({ length: 10 }, async (_, index) => {
      const socket = await openSocket(t, { port, from: `127.0.4.${index + 1}` }, post('/pricing/batch', headers));
      socket.socket.write(chunkOf(Buffer.alloc(60 * kilobyte, ' ')));
      socket.socket.write('0\r\n\r\n');
      return socket;
    }),
  );
  await eventually(() => attackers[0]!.answer() !== '', 'the attacker with most memory is refused');
  t.regex(attackers[0]!.answer(), /^HTTP\/1\.1 429 [^]*"code":"concurrency_limit_exceeded"/);
  t.deepEqual(kinds, ['body_backlog']);
  gate.resolve();
  await eventually(
    () => others.every(({ answer }) => answer().startsWith('HTTP/1.1 200 ')),
    () => `all others are answered: ${others.map(({ answer }) => answer().slice(0, 12)).join()}`,
  );
});

test('clients that keep brotli bodies with large windows open leave windows for the bodies of others', async (t) => {
  const { port, call, kinds } = await serve(t, {
    routes: bodyRoutes(),
    limits: { batchBodyLimitBytes: 1_000 * kilobyte },
    bodyAdmission: { maxTotalBytes: 2 * 64 * 2 ** 20 },
  });
  const packed = (bits: number): Buffer =>
    brotliCompressSync(Buffer.alloc(500 * kilobyte, ' '), { params: { [constants.BROTLI_PARAM_LGWIN]: bits } });
  const headers = { 'Transfer-Encoding': 'chunked', 'Content-Encoding': 'br' };
  const first = packed(24).subarray(0, 10);
  for (let index = 0; index < 8; index += 1) {
    const socket = await openSocket(t, { port, from: `127.0.3.${index + 1}` }, post('/pricing/batch', headers));
    socket.socket.write(chunkOf(first));
  }
  await eventually(() => kinds.includes('body_backlog'), 'there is no window left');
  const answer = await call('/api/v1/pricing/batch', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'br' },
    body: Uint8Array.from(packed(22)),
  });
  t.is(answer.status, 200);
});
