import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import type { FaultPoint } from '#src/kernel/catalogue/faults.ts';
import { eventually } from '#testkit/eventually.ts';
import type { Item, List } from '../setup-http.ts';
import { header, setupUploads } from './setup.ts';

const row = 'AAA,2024-01-02,100\n';

/** Sends the head and a part of a file, and leaves the connection open. */
const begin = (t: ExecutionContext, port: number, part: string): { socket: Socket; answer: () => string } => {
  let text = '';
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(
      `POST /api/v1/universes/desk/prices HTTP/1.1\r\nHost: a\r\nPrefer: wait=10\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\n${part}`,
    );
  });
  socket.on('error', () => {});
  socket.on('data', (data) => (text += data.toString()));
  t.teardown(() => socket.destroy());
  return { socket, answer: () => text };
};

test.serial('a file that is cut changes nothing, and the record says why', async (t) => {
  const { send, contents, port, get, refreshes } = await setupUploads(t);
  t.is((await send(header + row)).status, 200);
  const before = await contents();
  const { socket } = begin(t, port, `${header}AAA,2024-01-02,101\nAAA,2024-01-03,1`);
  const newest = async (): Promise<Item> => (await get<List>('/refreshes?limit=1')).data[0]!;
  await eventually(async () => (await newest())['status'] === 'running', 'the upload is a running refresh');
  socket.destroy();
  await refreshes.idle();
  t.like(await newest(), { status: 'failed', reason: 'request_timeout', rows_written: 0 });
  t.is(await contents(), before);
  t.is((await send(header + row)).status, 200);
});

test.serial('files are counted by universe: stored, refused because of their content, or failed', async (t) => {
  const { send, metrics, faults, port, refreshes } = await setupUploads(t);
  await refreshes.restoreMetrics();
  const counts = () =>
    (['stored', 'refused', 'failed'] as const).map((outcome) =>
      metrics.value('volwatch_uploads_total', { universe: 'desk', outcome }),
    );
  t.deepEqual(counts(), [0, 0, 0]);
  t.is((await send(header + row)).status, 200);
  t.deepEqual(counts(), [1, 0, 0]);
  t.is((await send(`${header}CCC,2024-01-02,1\n`)).status, 422);
  t.is((await send('symbol,colour\n')).status, 400);
  t.deepEqual(counts(), [1, 2, 0]);
  faults.set('refresh.commit', { mode: 'error', count: 1, probability: 1, delay_ms: 0 });
  t.is((await send(header + row)).status, 503);
  t.deepEqual(counts(), [1, 2, 1]);
  const { socket } = begin(t, port, header);
  await eventually(() => metrics.value('volwatch_upload_bytes_total') > 0, 'the file begins to arrive');
  setTimeout(() => socket.destroy(), 200);
  await eventually(() => counts()[2] === 2, 'a client that leaves is a failure');
});

test.serial('two uploads of a universe at once: the second is refused; a change of the universe too', async (t) => {
  const { send, port, put, refreshes, get } = await setupUploads(t);
  const { socket, answer } = begin(t, port, header + row);
  const isRunning = async (): Promise<boolean> =>
    (await get<List>('/refreshes?limit=1')).data[0]?.['status'] === 'running';
  await eventually(isRunning, 'the first upload runs');
  const second = await send(header + row, { headers: { 'X-Caller': 'second' } });
  t.is(second.status, 409);
  t.is(second.body['code'], 'refresh_in_progress');
  t.is((await put('desk', {}, { 'If-Match': '"1"' })).status, 422);
  socket.write('\n'.repeat(1_000 - header.length - row.length));
  await eventually(() => answer().startsWith('HTTP/1.1 200'), 'the first upload succeeds');
  await refreshes.idle();
});

test.serial('an upload waits for the short refresh that follows a change of the universe', async (t) => {
  const { send, faults, refreshes, closes } = await setupUploads(t);
  faults.set('refresh.commit', { mode: 'delay', count: 1, probability: 1, delay_ms: 500 });
  const { ended } = await refreshes.start({ universe: 'desk', trigger: 'change', waited: false });
  t.is((await send(header + row)).status, 200);
  t.is((await ended).status, 'succeeded');
  t.deepEqual(await closes(), ['AAA 2024-01-02 100']);
});

test.serial('more uploads than the process reads at once are refused and reported', async (t) => {
  const { send, port, kinds, get, put } = await setupUploads(t);
  const definition = { source: 'upload', interval: '1day', assets: [{ symbol: 'CCC' }], indexes: [] };
  t.is((await put('other', definition)).status, 201);
  begin(t, port, header + row);
  const other = connect(port, '127.0.0.1', () => {
    other.write(
      'POST /api/v1/universes/other/prices HTTP/1.1\r\nHost: a\r\nX-Caller: second\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\nsymbol',
    );
  });
  t.teardown(() => other.destroy());
  const running = async (): Promise<number> =>
    (await get<List>('/refreshes')).data.filter(({ status }) => status === 'running').length;
  await eventually(async () => (await running()) === 2, 'both uploads run');
  const third = await send(header + row, { headers: { 'X-Caller': 'third' } });
  t.is(third.status, 503);
  t.is(third.body['code'], 'overloaded');
  t.deepEqual(kinds, ['body_backlog']);
});

test.serial('a running upload shows the rows that were read so far', async (t) => {
  const { port, get } = await setupUploads(t);
  const { socket } = begin(t, port, header);
  const newest = async (): Promise<Item> => (await get<List>('/refreshes?limit=1')).data[0] ?? {};
  await eventually(async () => (await newest())['status'] === 'running', 'the upload runs');
  await sleep(1_100);
  socket.write(row);
  await eventually(async () => (await newest())['rows_read'] === 1, 'the row is counted');
  t.like(await newest(), { status: 'running', rows_read: 1 });
});

for (const point of [
  'upload.read',
  'refresh.ensure_assets',
  'refresh.store_prices',
  'refresh.calculate_index_values',
  'refresh.commit',
] as const satisfies readonly FaultPoint[]) {
  test.serial(`a fault at ${point} leaves everything as it was, and the next upload succeeds`, async (t) => {
    const { send, contents, faults } = await setupUploads(t);
    t.is((await send(header + row)).status, 200);
    const before = await contents();
    faults.set(point, { mode: 'error', count: 1, probability: 1, delay_ms: 0 });
    const failed = await send(`${header}AAA,2024-01-02,101\nAAA,2024-01-03,102\n`);
    t.is(failed.status, point === 'upload.read' ? 408 : 503, JSON.stringify(failed.body));
    t.is(await contents(), before);
    t.is((await send(`${header}AAA,2024-01-03,102\n`)).status, 200);
  });
}

test.serial(
  'an upload whose read waits without an end is refused within its timeout, and frees the universe',
  async (t) => {
    const { send, contents, faults } = await setupUploads(t, {}, { timeouts: { fetchMs: 5_000, applyMs: 2_000 } });
    t.is((await send(header + row)).status, 200);
    const before = await contents();
    faults.set('upload.read', { mode: 'hang', count: 1, probability: 1, delay_ms: 0 });
    const failed = await send(`${header}AAA,2024-01-02,101\n`);
    t.is(failed.status, 503, JSON.stringify(failed.body));
    t.is(failed.body['code'], 'database_timeout');
    t.is(await contents(), before);
    t.is((await send(`${header}AAA,2024-01-03,102\n`)).status, 200);
  },
);

test.serial('a million bad lines give a bounded answer, and are not all read', async (t) => {
  const { send, metrics, kinds, contents } = await setupUploads(t, {}, { maxRefusedRows: 1_000 });
  t.is((await send(header + row)).status, 200);
  const before = await contents();
  const lines = 1_000_000;
  const body = new Uint8Array(gzipSync(header + '=HYPERLINK("x"),1,2\n'.replaceAll('"', "'").repeat(lines)));
  const varied = (): ReadableStream =>
    new ReadableStream({
      start: (controller) => {
        controller.enqueue(Buffer.from(header));
        for (let block = 0; block < 100; block += 1) {
          controller.enqueue(Buffer.from("=HYPERLINK('x'),2024-01-02,2\n".repeat(lines / 100)));
        }
        controller.close();
      },
    });
  for (const [query, total, reported] of [
    ['', 20, []],
    ['?on_error=skip', 1_001, ['body_structure']],
  ] as const) {
    for (const file of [body, varied()]) {
      kinds.length = 0;
      const read = metrics.value('volwatch_upload_bytes_total');
      const counted = metrics.value('volwatch_upload_rows_total', { outcome: 'refused' });
      const answer = await send(file, {
        query,
        ...(file === body && { headers: { 'Content-Encoding': 'gzip' } }),
      });
      t.is(answer.status, 422, JSON.stringify(answer.body).slice(0, 500));
      t.is(answer.body['code'], 'upload_refused');
      t.is(answer.body['errors_total'], total);
      t.is((answer.body['errors'] as Item[]).length, 20);
      t.true(JSON.stringify(answer.body).length < 10_000);
      t.deepEqual(kinds, [...reported]);
      t.is(metrics.value('volwatch_upload_rows_total', { outcome: 'refused' }) - counted, total);
      t.true(metrics.value('volwatch_upload_bytes_total') - read < 2_000_000);
    }
  }
  t.is(await contents(), before);
});

test.serial('a client that leaves ends the parse of what it has sent, and frees the upload', async (t) => {
  const { send, port, get, metrics } = await setupUploads(t);
  const newest = async (): Promise<Item> => (await get<List>('/refreshes?limit=1')).data[0] ?? {};
  // A date twice is refused only when the whole file is staged.
  const csv = gzipSync(header + row.repeat(1_000_000));
  const ndjson = gzipSync('{"symbol":"AAA","date":"2024-01-02","close":1}\n'.repeat(1_000_000));
  for (const [type, body] of [
    ['text/csv', csv],
    ['application/x-ndjson', ndjson],
  ] as const) {
    const before = metrics.value('volwatch_upload_bytes_total');
    const head = `POST /api/v1/universes/desk/prices HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(head);
      socket.write(body);
    });
    socket.on('error', () => {});
    t.teardown(() => socket.destroy());
    await eventually(() => metrics.value('volwatch_upload_bytes_total') > before, 'the first piece is read');
    socket.destroy();
    await eventually(async () => (await newest())['status'] === 'failed', 'the upload has ended');
    t.like(await newest(), { reason: 'request_timeout', rows_written: 0 });
    t.true(metrics.value('volwatch_upload_bytes_total') - before < 7_000_000, type);
    t.is((await send(header + row)).status, 200, 'the universe and its place are free');
  }
});

test.serial('a file with more rows of one symbol than a series can have is refused', async (t) => {
  const { send } = await setupUploads(t);
  const { status, body } = await send(header + row.repeat(50_001));
  t.is(status, 422);
  t.like((body['errors'] as Item[])[0], { line: 50_002, code: 'too_many_rows' });
});

test.serial('a stop of the service ends an upload', async (t) => {
  const { port, refreshes, admin, get } = await setupUploads(t);
  begin(t, port, header + row);
  const isRunning = async (): Promise<boolean> =>
    (await get<List>('/refreshes?limit=1')).data[0]?.['status'] === 'running';
  await eventually(isRunning, 'the upload runs');
  await refreshes.close();
  const [record] = await admin.query('select status, reason from refresh');
  t.deepEqual(record, { status: 'failed', reason: 'shutting_down' });
});

test.serial('a file whose outcome cannot be recorded is counted as failed', async (t) => {
  const { port, metrics, admin, refreshes, get } = await setupUploads(t);
  const failed = () => metrics.value('volwatch_uploads_total', { universe: 'desk', outcome: 'failed' });
  const { socket } = begin(t, port, header + row);
  const isRunning = async (): Promise<boolean> =>
    (await get<List>('/refreshes?limit=1')).data[0]?.['status'] === 'running';
  await eventually(isRunning, 'the upload runs');
  await admin.query('alter table refresh rename to refresh_away');
  socket.destroy();
  await refreshes.idle();
  t.is(failed(), 1);
});

test('a second upload of one caller is refused while the first arrives, and accepted afterwards', async (t) => {
  const { send, kinds } = await setupUploads(t);
  const gate = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  const slow = new ReadableStream({
    start: async (controller) => {
      controller.enqueue(Buffer.from(header + row));
      began.resolve();
      await gate.promise;
      controller.close();
    },
  });
  const first = send(slow);
  await began.promise;
  const second = async (): Promise<Item> => (await send(header + row)).body;
  await eventually(
    async () => (await second())['code'] === 'concurrency_limit_exceeded',
    'the second upload is refused',
  );
  t.true(kinds.includes('concurrency_by_caller'));
  gate.resolve();
  t.is((await first).status, 200);
  t.is((await send(header + row)).status, 200);
});

test.serial('a universe whose source is changed before the lock is taken takes no file', async (t) => {
  const { refreshes, closes } = await setupUploads(t);
  let reads = 0;
  const upload = {
    mode: 'merge',
    onError: 'fail',
    adjusted: undefined,
    read: async () => {
      reads += 1;
      throw new Error('the body must not be read');
    },
    onAccepted: () => {},
  } as const;
  // The route has looked at the source before, when the universe still took uploads.
  await t.throwsAsync(refreshes.start({ universe: 'tech5', trigger: 'request', waited: true, upload }), {
    code: 'series_source_conflict',
  });
  t.is(reads, 0);
  t.deepEqual(await closes(), []);
});
