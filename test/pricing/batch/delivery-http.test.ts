import test, { type ExecutionContext } from 'ava';
import { connect } from 'node:net';
import { serve } from '../../http/support.ts';
import { arrowStream, columnsOf, readArrow } from '#testkit/arrow/arrow-support.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, setup } from '../setup.ts';

const arrowType = 'application/vnd.apache.arrow.stream';
const megabytes = 2 ** 20;

const start = async (t: ExecutionContext) => {
  const parts = setup({ workers: { cancelGraceMs: 5_000 } });
  t.teardown(parts.workers.close);
  const server = await serve(t, { routes: parts.routes, limits: { batchBodyLimitBytes: 64 * megabytes } });
  const post = async (body: string | Buffer<ArrayBuffer>, headers: Record<string, string> = {}) =>
    server.call('/api/v1/pricing/batch', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Accept-Encoding': 'identity', ...headers },
      body,
    });
  return { ...parts, ...server, post };
};
const codeOf = async (response: Response): Promise<unknown> => ((await response.json()) as { code: unknown }).code;

test('a format is answered in kind, or as Accept says', async (t) => {
  const { post, service } = await start(t);
  const { price } = await service.price(call);
  const columns = JSON.stringify({ columns: { ...call, strike: [40, 41] } });
  const stream = Buffer.from(arrowStream(columnsOf([call])));
  const json = await post(columns);
  t.is(json.headers.get('content-type'), 'application/json; charset=utf-8');
  t.like(await json.json(), { total_count: 2, failed: 0 });
  const arrow = await post(columns, { Accept: `${arrowType}, application/json;q=0.5` });
  t.is(arrow.headers.get('content-type'), arrowType);
  t.is(readArrow(new Uint8Array(await arrow.arrayBuffer()))[0]?.['price'], price);
  const inKind = await post(stream, { 'Content-Type': arrowType, Accept: '*/*' });
  t.is(inKind.headers.get('content-type'), arrowType);
  t.deepEqual(readArrow(new Uint8Array(await inKind.arrayBuffer())), [
    { price, error_code: null, error_field: null, error_detail: null },
  ]);
  const asJson = await post(stream, { 'Content-Type': arrowType, Accept: 'application/json' });
  t.like(await asJson.json(), { columns: { price: [price] } });
});

test('what cannot be read or answered is refused by its code', async (t) => {
  const { post } = await start(t);
  const rows = JSON.stringify({ options: [call] });
  const refusals: readonly (readonly [Promise<Response>, number, string])[] = [
    [post(rows, { Accept: arrowType }), 406, 'not_acceptable'],
    [post(rows, { Accept: 'text/csv' }), 406, 'not_acceptable'],
    [post(rows, { Accept: 'application/json;q=0' }), 406, 'not_acceptable'],
    [post(rows, { 'Content-Type': 'text/csv' }), 415, 'unsupported_media_type'],
    [post(rows, { 'Content-Type': 'application/vnd.apache.arrow.file' }), 415, 'unsupported_media_type'],
    [post(rows, { 'Content-Type': arrowType }), 400, 'malformed_body'],
    [post(Buffer.from(arrowStream(columnsOf([call])))), 400, 'malformed_body'],
    [post(''), 400, 'malformed_body'],
    [post(JSON.stringify({ columns: { ...call, spot: [1, 2], strike: [1] } })), 422, 'validation_failed'],
  ];
  for (const [sent, status, code] of refusals) {
    const response = await sent;
    t.is(response.status, status, code);
    t.is(await codeOf(response), code);
  }
});

test('100,000 rows stream out with their length known, while /pricing/models is answered', async (t) => {
  const { post, call: get } = await start(t);
  const options = Array.from({ length: 100_000 }, (_, index) => ({
    ...call,
    strike: index === 99_999 ? -1 : 30 + (index % 24),
  }));
  const answer = post(JSON.stringify({ options }));
  const answered = new AbortController();
  const others = (async () => {
    while (!answered.signal.aborted) await (await get('/api/v1/pricing/models')).arrayBuffer();
  })();
  const response = await answer;
  const text = await response.text();
  answered.abort();
  await others;
  t.is(Number(response.headers.get('content-length')), Buffer.byteLength(text));
  t.true(text.length > 16 * megabytes);
  const { results, ...counts } = JSON.parse(text) as { results: { price?: number }[] };
  t.like(counts, { total_count: 100_000, succeeded: 99_999, failed: 1 });
  t.is(results.length, 100_000);
  t.is(results[24]?.price, results[0]?.price);
});

test('a client that reads slowly, or leaves, keeps no worker', async (t) => {
  const { port, post, metrics } = await start(t);
  const options = Array.from({ length: 100_000 }, () => call);
  const body = JSON.stringify({ options });
  const request = `POST /api/v1/pricing/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  const slow = connect(port, '127.0.0.1');
  slow.pause();
  slow.write(request + body);
  const gone = connect(port, '127.0.0.1');
  gone.on('error', () => {});
  // The client leaves when its request was sent and its answer is not yet there.
  gone.write(request + body, () => setTimeout(() => gone.destroy(), 20));
  const busy = () => metrics.value('volwatch_workers_busy');
  await eventually(() => busy() > 0, 'a worker has begun', 15_000, 5);
  await eventually(() => busy() === 0, 'no worker is busy');
  t.is((await post(JSON.stringify({ options: options.slice(0, 5_000) }))).status, 200);
  t.is(metrics.value('volwatch_workers_restarts_total'), 0);
  slow.destroy();
});
