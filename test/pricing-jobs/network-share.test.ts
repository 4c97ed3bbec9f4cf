import test from 'ava';
import type { AppError } from '#src/kernel/catalogue/errors.ts';
import { networkShare } from '#src/pricing-jobs/quota/network-share.ts';
import { owner, reversed, setup } from './setup.ts';

const megabyte = 1_048_576;
const permitted = async (): Promise<boolean> => true;

test('after 50 networks have stored as much as they can, the next one can still store a chunk', (t) => {
  const options = { max: 4_096 * megabyte, maxOfOwner: 512 * megabyte, minBytes: 16_384 };
  let total = 0;
  for (let network = 0; network < 50; network += 1) {
    let own = 0;
    // Each chunk becomes twice as large when it is priced, and results are not refused.
    for (const bytes of [11, 5, 1].map((size) => size * megabyte)) {
      while (own + bytes <= networkShare(options, total, bytes)) {
        own += 2 * bytes;
        total += 2 * bytes;
      }
    }
  }
  const left = networkShare(options, total, megabyte);
  t.true(left > 2 * megabyte, `${(left / megabyte).toFixed(1)} MB are left for a newcomer`);
});

test('one network can use a quarter of all bytes, and its callers are told so', async (t) => {
  const limits = { maxBytesPerOwner: 200, maxBytes: 1_000, maxWrittenBytesPerOwner: 1_000 };
  const { pricing, admin, hooks } = await setup(t, reversed, permitted, limits);
  const add = async (name: string, bytes: number): Promise<unknown> => {
    const { id } = await pricing.open({ subject: name, owner: name });
    return pricing.add(name, id, 1, Buffer.alloc(bytes, 'a'));
  };
  await add(owner, 200);
  const refused = await t.throwsAsync<AppError>(add('user:2', 51));
  t.is(refused.errors?.[0]?.code, 'pricing_job_bytes_of_network');
  t.regex(refused.message, /is 250 bytes; this request needs 251\. All callers of a network share them/);
  await add('user:2', 50);
  hooks.network = 'another';
  await add('user:3', 200);
  t.deepEqual(
    await admin.query('select network, sum(stored_bytes)::int as bytes from pricing_chunk group by 1 order by 2'),
    [
      { network: 'another', bytes: 200 },
      { network: 'network', bytes: 250 },
    ],
  );
  hooks.network = 'third';
  const crowded = await t.throwsAsync<AppError>(add('user:4', 60));
  t.regex(crowded.message, /pricing_job_bytes_of_network is 13 bytes/, 'a fortieth of what is free');
  await add('user:4', 13);
});

test('what one network has written and deleted counts against its share too', async (t) => {
  const limits = { maxWrittenBytesPerOwner: 100, maxWrittenBytes: 1_000 };
  const { pricing, admin, hooks, work } = await setup(t, reversed, permitted, limits);
  const storeAndCancel = async (name: string): Promise<void> => {
    const { id } = await pricing.open({ subject: name, owner: name });
    await pricing.add(name, id, 1, Buffer.alloc(50, 'a'));
    await work();
    await pricing.cancel(name, id);
  };
  for (const name of ['user:1', 'user:2']) await storeAndCancel(name);
  const refused = await t.throwsAsync<AppError>(storeAndCancel('user:3').then(() => storeAndCancel('user:4')));
  t.is(refused.errors?.[0]?.code, 'pricing_job_written_bytes_of_network');
  t.regex(refused.message, /wait up to ten minutes/);
  hooks.network = 'another';
  await storeAndCancel('user:5');
  t.deepEqual(await admin.query('select sum(bytes)::int as bytes from pricing_write group by is_network order by 1'), [
    { bytes: 400 },
    { bytes: 400 },
  ]);
});
