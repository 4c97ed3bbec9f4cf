import test from 'ava';
import { Client } from 'pg';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { eventually } from '#testkit/eventually.ts';
import { live, owner, setup, reading } from './setup.ts';

const request = { clientIp: '192.0.2.1', requestId: 'r', traceId: 't', signal: live, timings: {} };

test('a result is read when it is sent, four at once, and the others wait', async (t) => {
  const { admin, pricing, work } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  await work();
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
  const { pricing, work } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  await work();
  const result = await pricing.result(owner, id, 1);
  await pricing.cancel(owner, id);
  await t.throwsAsync(result.read(reading), { message: /no result yet/ });
});

test('a result is counted before it is read, and not read when it is refused', async (t) => {
  const { pricing, work } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  await work();
  const result = await pricing.result(owner, id, 1);
  const refusal = new AppError('overloaded');
  await pricing.cancel(owner, id);
  const refuse = (): never => {
    throw refusal;
  };
  t.is(await t.throwsAsync(result.read({ signal: live, reserve: refuse })), refusal, 'not that it was removed');
});

test('no more of a result is read when its client has left', async (t) => {
  const { admin, pricing, work } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  await work();
  await admin.query(`update pricing_chunk set output = convert_to(repeat('x', 600000), 'UTF8')`);
  const result = await pricing.result(owner, id, 1);
  const whole = await result.read(reading);
  t.is(whole.byteLength, 600_000);
  t.is(whole.blocks.length, 3, 'parts of 256 KB');
  const client = new AbortController();
  const left = new Error('the client left');
  const read = result.read({ signal: client.signal, reserve: () => client.abort(left) });
  t.is(await t.throwsAsync(read), left);
  let reserved = false;
  const late = result.read({ signal: client.signal, reserve: () => (reserved = true) });
  t.is(await t.throwsAsync(late), left);
  t.false(reserved, 'an answer that is counted now would count for ever');
});
