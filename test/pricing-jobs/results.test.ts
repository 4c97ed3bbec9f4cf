import test from 'ava';
import { Client } from 'pg';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { eventually } from '#testkit/eventually.ts';
import { live, owner, setup } from './setup.ts';

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
  const reads = results.map((result, index) => runInRequest(requests[index]!, () => result.read()));
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
  await t.throwsAsync(result.read(), { message: /no result yet/ });
});
