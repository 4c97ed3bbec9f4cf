import test from 'ava';
import { readArrow, strikesStream } from '#testkit/arrow/arrow-support.ts';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, serve, takeToken } from '#testkit/running-service.ts';

const arrow = 'application/vnd.apache.arrow.stream';

test('a pricing job: chunks in, priced by a worker process, the same rows out as a batch gives', async (t) => {
  const database = await setupDatabase(t);
  const environment = { DATABASE_URL: database.url, JOBS_POLL_MS: '500', RATE_LIMIT_ENABLED: 'false' };
  const [api, worker] = await Promise.all([
    serve(t, { ...environment, ROLE: 'api' }),
    serve(t, { ...environment, ROLE: 'worker' }),
  ]);
  await Promise.all([api, worker].map((service) => service.logged(({ message }) => message === 'started')));
  const authorization = { Authorization: `Bearer ${await takeToken(api)}` };
  const at = (path: string) => `${api.url}/api/v1/pricing/${path}`;

  const opened = await call(at('jobs'), json({}, { ...authorization, 'Idempotency-Key': 'book-1' }));
  t.is(opened.status, 201, opened.text);
  const again = await call(at('jobs'), json({}, { ...authorization, 'Idempotency-Key': 'book-1' }));
  t.is(again.text, opened.text);
  t.is((await call(at('jobs'), json({}))).status, 401);
  const id = String(opened.body['id']);

  const chunk = (from: number) => {
    const strikes = Array.from({ length: 500 }, (_, index) => from + index / 10);
    return Buffer.from(strikesStream(strikes, (row) => (row % 2 ? 'put' : 'call')));
  };
  const chunks = [chunk(60), chunk(80), chunk(100)];
  const put = (number: number, body: Buffer) =>
    call(at(`jobs/${id}/chunks/${number}`), {
      method: 'PUT',
      headers: { ...authorization, 'Content-Type': arrow },
      body,
    });
  for (const [index, bytes] of chunks.entries()) t.is((await put(index + 1, bytes)).status, 202);
  t.is((await put(4, Buffer.from('not arrow'))).status, 400, 'refused before it is stored');
  // The first message is good; that the rest is cut off is seen when the chunk is read.
  t.is((await put(4, chunks[0]!.subarray(0, chunks[0]!.length - 1_000))).status, 202);
  t.is((await put(101, chunks[0]!)).status, 422);
  const submitted = await call(at(`jobs/${id}/submit`), { method: 'POST', headers: authorization });
  t.is(submitted.status, 200, submitted.text);
  const find = () => call(at(`jobs/${id}`), { headers: authorization });
  await eventually(async () => (await find()).body['status'] === 'completed', 'the job is completed', 30_000);
  t.like((await find()).body, { chunks: { total: 4, done: 3, failed: 1 }, rows: { priced: 1_500, failed: 0 } });

  const bytesOf = async (url: string, init: RequestInit): Promise<Buffer> => {
    const response = await fetch(url, init);
    t.is(response.status, 200);
    t.is(response.headers.get('content-type'), arrow);
    return Buffer.from(await response.arrayBuffer());
  };
  for (const [index, bytes] of chunks.entries()) {
    const direct = await bytesOf(at('batch'), {
      method: 'POST',
      headers: { 'Content-Type': arrow, Accept: arrow },
      body: bytes,
    });
    const priced = await bytesOf(at(`jobs/${id}/chunks/${index + 1}`), { headers: authorization });
    t.is(readArrow(priced).length, 500);
    t.deepEqual(readArrow(priced), readArrow(direct));
  }
  const first = at(`jobs/${id}/chunks/1`);
  const head = await fetch(first, { method: 'HEAD', headers: authorization });
  t.is(Number(head.headers.get('content-length')), (await bytesOf(first, { headers: authorization })).length);
  const known = { ...authorization, 'If-None-Match': head.headers.get('etag')! };
  t.is((await fetch(first, { headers: known })).status, 304);
  const bad = await call(at(`jobs/${id}/chunks/4`), { headers: authorization });
  t.is(bad.status, 400, bad.text);
  t.is((await call(at(`jobs/${id}`), { method: 'DELETE', headers: authorization })).status, 204);
  t.is((await call(at(`jobs/${id}/chunks/1`), { headers: authorization })).status, 404);
  // The schedule adds this job each minute.
  await database.query(
    `insert into pgboss.job (name, policy, singleton_key, data) values ('removal', 'exclusive', 'cancelled_chunks', '{}') on conflict do nothing`,
  );
  await eventually(async () => (await database.query('select 1 from pricing_chunk')).length === 0, 'no data', 30_000);
});
