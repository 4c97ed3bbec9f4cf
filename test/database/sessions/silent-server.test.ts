import { connect, createServer, type AddressInfo } from 'node:net';
import test from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';

test('a server that accepts the connection and then does not answer has a timeout, and the pool works after it', async (t) => {
  const { url } = await setupDatabase(t);
  const target = new URL(url);
  let silent = true;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    if (silent) {
      // AuthenticationOk and ReadyForQuery, and nothing after them.
      socket.once('data', () => socket.write(Buffer.from('5200000008000000005a0000000549', 'hex')));
    } else {
      const upstream = connect(Number(new URL(url).port), target.hostname);
      upstream.on('error', () => {});
      socket.pipe(upstream).pipe(socket);
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  target.port = String((server.address() as AddressInfo).port);
  const database = await createDatabase({ ...databaseSettings(target.href), poolMax: 1, acquireTimeoutMs: 300 });
  t.teardown(async () => {
    await database.close();
    server.close();
  });
  const outcome = (): Promise<string> => database.reader.query('select 1').then(() => 'none', codeOf);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const started = performance.now();
    t.is(await outcome(), 'database_timeout');
    t.true(performance.now() - started < 5_000);
  }
  silent = false;
  await eventually(() => outcome().then((code) => code === 'none'), 'the pool works again', 10_000);
});
