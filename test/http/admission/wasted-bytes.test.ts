import { gzipSync } from 'node:zlib';
import test from 'ava';
import { createWastedBytes } from '#src/http/admission/bodies/wasted-bytes.ts';
import { eventually } from '#testkit/eventually.ts';
import { openSocket, type RawSocket } from '#testkit/raw-sockets.ts';
import { serve } from '../support.ts';
import { bodyRoutes, chunkOf, post } from './routes.ts';

const kilobyte = 1_000;

test('wasted bytes of a network count half after 30 seconds', (t) => {
  let time = 0;
  const { add, isMuch } = createWastedBytes({ maxBytes: 100, now: () => time });
  add('10.0.0.1', 60);
  t.false(isMuch('10.0.0.1'));
  add('10.0.0.1', 60);
  add('10.0.0.2', -5);
  t.true(isMuch('10.0.0.1'));
  t.false(isMuch('10.0.0.2'));
  time += 30_000;
  t.false(isMuch('10.0.0.1'));
});

const blanks = (bytes: number): Buffer => Buffer.alloc(bytes, ' ');

test('while memory is scarce, a network whose bodies were decompressed for nothing is refused before more is', async (t) => {
  const { port, reported } = await serve(t, {
    routes: bodyRoutes(async () => {}),
    limits: { batchBodyLimitBytes: 4_000 * kilobyte },
    bodyAdmission: { maxTotalBytes: 4_000 * kilobyte },
  });
  const held = (): number => reported.findLast(({ name }) => name === 'volwatch_http_body_bytes')?.value ?? 0;
  const open = async (from: string, body: Buffer, encoding?: string): Promise<RawSocket> => {
    const headers = { 'Transfer-Encoding': 'chunked', ...(encoding !== undefined && { 'Content-Encoding': encoding }) };
    const socket = await openSocket(t, { port, from }, post('/pricing/batch', headers));
    socket.socket.write(chunkOf(body));
    return socket;
  };
  const holding = async (from: string, body: Buffer, encoding?: string): Promise<RawSocket> => {
    const before = held();
    const socket = await open(from, body, encoding);
    await eventually(() => held() > before + 300 * kilobyte, 'the bytes are held');
    return socket;
  };
  const leave = async (socket: RawSocket): Promise<void> => {
    const before = held();
    socket.socket.destroy();
    await eventually(() => held() < before, 'its bytes are given back');
  };
  const compressed = gzipSync(blanks(400 * kilobyte));
  // Memory is free, so it takes a second body after the first one was for nothing.
  await leave(await holding('127.0.5.1', compressed, 'gzip'));
  await leave(await holding('127.0.5.1', compressed, 'gzip'));

  const others = [
    await holding('127.0.5.2', blanks(1_300 * kilobyte)),
    await holding('127.0.5.3', blanks(900 * kilobyte)),
  ];
  const refused = await open('127.0.5.1', compressed, 'gzip');
  await eventually(() => /^HTTP\/1.1 429 [^]*concurrency_limit_exceeded/.test(refused.answer()), 'it is refused');
  const plain = await open('127.0.5.1', blanks(20 * kilobyte));
  plain.socket.write('0\r\n\r\n');
  await eventually(() => plain.answer() !== '', 'a body without compression is answered');
  t.notRegex(plain.answer(), / 429 /);
  await leave(await holding('127.0.5.4', compressed, 'gzip'));

  for (const socket of others) await leave(socket);
  // Memory is free again.
  await leave(await holding('127.0.5.1', compressed, 'gzip'));
  t.is(held(), 0);
});
