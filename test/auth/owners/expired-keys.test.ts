import test, { type ExecutionContext } from 'ava';
import { createMaintenance } from '#src/auth/maintenance.ts';
import { endKeys } from '#src/auth/owners/end-keys.ts';
import { createDatabase } from '#src/database/database.ts';
import { noAudit, type AuditTrail } from '#src/kernel/ports/audit.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';

const user = '018f0000-0000-7000-8000-000000000001';

/** `insert` stores keys of one user; the end and the revocation are SQL. */
const setup = async (t: ExecutionContext) => {
  const admin = await setupDatabase(t);
  const database = await createDatabase(databaseSettings(admin.url));
  t.teardown(() => database.close());
  const insert = (name: string, expires: string, count = 1, revoked = 'null') =>
    admin.query(
      `insert into api_key (id, key_hash, prefix, name, owner_kind, owner_id, scopes, created_at, expires_at, revoked_at)
       select gen_random_uuid(), sha256((($1 || number))::bytea), 'vw_', $1, 'user', $2, '{ml:read}', now(), ${expires}, ${revoked}
       from generate_series(1, $3::int) as number`,
      [name, user, count],
    );
  return { admin, database, insert };
};

test('expired keys that nobody revoked cost nothing when all keys of the owner end', async (t) => {
  const { admin, database, insert } = await setup(t);
  await insert('without an end', 'null');
  await insert('later', `now() + interval '1 day'`);
  await insert('an hour ago', `now() - interval '1 hour'`, 2);
  await insert('long ago', `now() - interval '2 days'`, 1_000);
  const now = new Date();
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

test('keys are removed 400 days after their end, and others stay', async (t) => {
  const { admin, database, insert } = await setup(t);
  const days = (count: number): string => `now() - interval '${count} days'`;
  await insert('expired long ago', days(401));
  await insert('revoked long ago', 'null', 1, days(401));
  await insert('revoked long ago, before its end', days(1), 1, days(401));
  await insert('expired', days(399));
  await insert('revoked', 'null', 1, days(399));
  await insert('without an end', 'null');
  const { unitOfWork } = database;
  const none = { flushMs: 60_000, cleanUpMs: 60_000, sessionIdleSeconds: 60, usageLogs: [] };
  const maintenance = createMaintenance({
    ...none,
    unitOfWork,
    audit: noAudit,
    databaseTime: database.time,
    logger: silentLogger,
  });
  t.is(await maintenance.cleanUp(), 3);
  t.deepEqual(await admin.query('select name from api_key order by name'), [
    { name: 'expired' },
    { name: 'revoked' },
    { name: 'without an end' },
  ]);
});
