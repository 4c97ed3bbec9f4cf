import test from 'ava';
import { actingSubjects } from '#src/auth/owners/acting-subjects.ts';
import { endKeys } from '#src/auth/owners/end-keys.ts';
import { createDatabase } from '#src/database/database.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';

const user = '018f0000-0000-7000-8000-000000000001';

test('expired keys that nobody revoked cost nothing when an owner acts, or when all keys of the owner end', async (t) => {
  const admin = await setupDatabase(t);
  const database = await createDatabase(databaseSettings(admin.url));
  t.teardown(() => database.close());
  const insert = (name: string, expires: string, count: number) =>
    admin.query(
      `insert into api_key (id, key_hash, prefix, name, owner_kind, owner_id, scopes, created_at, expires_at)
       select gen_random_uuid(), sha256((($1 || number))::bytea), 'vw_', $1, 'user', $2, '{ml:read}', now(), ${expires}
       from generate_series(1, $3::int) as number`,
      [name, user, count],
    );
  await insert('without an end', 'null', 1);
  await insert('later', `now() + interval '1 day'`, 1);
  await insert('an hour ago', `now() - interval '1 hour'`, 2);
  await insert('long ago', `now() - interval '2 days'`, 1_000);
  const now = new Date();
  const acting = await actingSubjects(database.reader.query, { kind: 'user', subject: user }, now);
  t.is(acting?.subjects.length, 5, 'the user, and keys that could act within the last day');

  const recorded: string[] = [];
  const audit: Pick<AuditTrail, 'record'> = { record: async (_, { action }) => void recorded.push(action) };
  const ended = await database.unitOfWork.run({ operation: 'auth.api_key' }, (transaction) =>
    endKeys(transaction, 'owner', ['user', user], { audit: audit as AuditTrail, actor: undefined, at: now }),
  );
  t.is(ended, 2);
  t.deepEqual(recorded, ['api_key.revoked', 'api_key.revoked']);
  t.deepEqual(await admin.query('select distinct name from api_key where revoked_at is not null order by name'), [
    { name: 'later' },
    { name: 'without an end' },
  ]);
});
