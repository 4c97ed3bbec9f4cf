import test, { type ExecutionContext } from 'ava';
import { Client } from 'pg';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { readStoredBytes } from '#src/pricing-jobs/stored-bytes.ts';
import { eventually } from '#testkit/eventually.ts';
import { live, owner, setup, reading } from './setup.ts';

const request = { clientIp: '192.0.2.1', requestId: 'r', traceId: 't', signal: live, timings: {} };

/** A job with one chunk that is priced. */
const setupPriced = async (t: ExecutionContext) => {
  const { admin, pricing, work } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  await work();
  return { admin, pricing, id };
};

test('a result is read when it is sent, four at once, and the others wait', async (t) => {
  const { admin, pricing, id } = await setupPriced(t);
  const results = await Promise.all(Array.from({ length: 5 }, () => pricing.result(owner, id, 1)));
  const lock = new Client({ connectionString: admin.url });
  await lock.connect();
  t.teardown(() => lock.end());
  await lock.query('begin');
  await lock.query('lock table pricing_chunk in access exclusive mode');
  const requests = results.map((): RequestContext => ({ ...request }));
  const reads = results.map((result, index) => runInRequest(requests[index]!, () => result.read(reading)));
  const waiting = async (): Promise<number> => {
    const rows = await admin.query(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%substring%'`,
    );
    return rows.length;
  };
  await eventually(async () => (await waiting()) === 4, 'four results are being read');
  t.is(await waiting(), 4);
  // With a place a read does not wait for connections behind the requests of its network.
  t.deepEqual(
    requests.map(({ placesHeld = 0 }) => placesHeld),
    [1, 1, 1, 1, 0],
  );
  await lock.query('rollback');
  for (const read of reads) t.is(String((await read).joined()), 'cba');
});

test('a result that was removed before it was read is not found', async (t) => {
  const { pricing, id } = await setupPriced(t);
  const result = await pricing.result(owner, id, 1);
  await pricing.cancel(owner, id);
  await t.throwsAsync(result.read(reading), { message: /no result yet/ });
});

test('a result is counted before it is read, and not read when it is refused', async (t) => {
  const { pricing, id } = await setupPriced(t);
  const result = await pricing.result(owner, id, 1);
  const refusal = new AppError('overloaded');
  await pricing.cancel(owner, id);
  const refuse = (): never => {
    throw refusal;
  };
  t.is(await t.throwsAsync(result.read({ signal: live, reserve: refuse })), refusal, 'not that it was removed');
});

test('a result that its client has left is neither counted nor read', async (t) => {
  const { pricing, id } = await setupPriced(t);
  const result = await pricing.result(owner, id, 1);
  const left = new Error('the client left');
  let reserved = false;
  const read = result.read({ signal: AbortSignal.abort(left), reserve: () => (reserved = true) });
  t.is(await t.throwsAsync(read), left);
  t.false(reserved, 'an answer that is counted now would count for ever');
});

test('a long result comes in parts, whose memory can be released', async (t) => {
  const { admin, pricing, id } = await setupPriced(t);
  await admin.query(`update pricing_chunk set output = decode(repeat('00ff7f', 200000), 'hex')`);
  const whole = await (await pricing.result(owner, id, 1)).read(reading);
  t.true(Buffer.alloc(600_000, Buffer.from([0, 255, 127])).equals(Buffer.from(whole.joined())));
  t.deepEqual(
    whole.blocks.map(({ byteLength }) => byteLength),
    [262_144, 262_144, 75_712],
  );
  whole.release();
  await eventually(() => whole.blocks.every(({ byteLength }) => byteLength === 0), 'all memory is released');
});

test('no more parts are read when the client has left between two of them', async (t) => {
  const client = new AbortController();
  const left = new Error('the client left');
  let queries = 0;
  const query = (async () => {
    queries += 1;
    if (queries === 2) client.abort(left);
    return [{ part: Buffer.alloc(262_144).toString('base64') }];
  }) as unknown as Query;
  const stored = { column: 'output', jobId: 'job', number: 1, length: 1_000_000 } as const;
  t.is(await t.throwsAsync(readStoredBytes(query, stored, client.signal)), left);
  t.is(queries, 2);
});
