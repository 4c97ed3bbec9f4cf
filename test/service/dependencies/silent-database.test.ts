import { connect } from 'node:net';
import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, metric, scrape, serve, takeToken, throughProxy } from '#testkit/running-service.ts';

/** A symbol may have 50,000 rows in a file. */
const symbols = Array.from({ length: 100 }, (_, index) => `A${index}`);
const universe = {
  title: 'Desk',
  source: 'upload',
  interval: '1day',
  assets: symbols.map((symbol) => ({ symbol })),
  indexes: [{ code: 'EW_A0', name: 'All', method: 'equal_weighted', constituents: [{ symbol: 'A0' }] }],
};
const rows = symbols
  .map((symbol) => `${symbol},2024-01-02,100\n`)
  .join('')
  .repeat(40);

/** An upload without an end. */
const upload = (url: string, token: string): { readonly end: () => void } => {
  const { hostname, port } = new URL(url);
  const head = [
    'POST /api/v1/universes/desk/prices HTTP/1.1',
    'Host: a',
    `Authorization: Bearer ${token}`,
    'Content-Type: text/csv',
    'Transfer-Encoding: chunked',
  ];
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
  const send = (): void => {
    while (!socket.destroyed && socket.write(chunk(rows)));
  };
  socket.write(`${head.join('\r\n')}\r\n\r\n${chunk('symbol,date,close\n')}`);
  socket.on('drain', send);
  send();
  return { end: () => socket.destroy() };
};

test('a stop ends while PostgreSQL is silent in the middle of an upload, with the log and the exit status of each stop', async (t) => {
  const database = await setupDatabase(t);
  const { proxy, url } = await throughProxy(t, database.url);
  const service = await serve(t, {
    DATABASE_URL: url,
    // Longer than the test, so that the end does not come from a timeout of a statement.
    DATABASE_STATEMENT_TIMEOUT_MS: '60000',
    SHUTDOWN_GRACE_MS: '2000',
  });
  await service.logged(({ message }) => message === 'started');
  const token = await takeToken(service);
  const created = await call(`${service.url}/api/v1/universes/desk`, {
    ...json(universe, { Authorization: `Bearer ${token}`, 'If-None-Match': '*' }),
    method: 'PUT',
  });
  t.is(created.status, 201, created.text);
  await eventually(
    async () =>
      (await database.query(`select 1 from refresh where universe = 'desk' and finished_at is not null`)).length > 0,
    'the refresh that follows the creation has ended',
    30_000,
  );
  const sent = upload(service.url, token);
  t.teardown(sent.end);
  await eventually(
    async () => metric(await scrape(service), 'volwatch_upload_bytes_total') > 1_000_000,
    'rows are copied',
    30_000,
  );
  proxy.freeze();
  const startedAt = performance.now();
  const code = await service.stop(60_000);
  const seconds = (performance.now() - startedAt) / 1_000;
  t.is(code, 0);
  t.true(seconds < 25, `${seconds} s`);
  t.log(`the stop took ${seconds.toFixed(1)} s`);
  const messages = service.log.map(({ message }) => message);
  t.is(messages.at(-1), 'stopped');
});
