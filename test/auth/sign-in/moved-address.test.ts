import test from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { lockConfirmed } from '#src/auth/sign-in/password-unchanged.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';

const ada = '018f0000-0000-7000-8000-00000000000a';
const bob = '018f0000-0000-7000-8000-00000000000b';

test('the right password of another account, which has the address of the caller now, confirms nothing', async (t) => {
  const admin = await setupDatabase(t);
  const database = await createDatabase(databaseSettings(admin.url));
  t.teardown(() => database.close());
  await admin.query(
    `insert into user_account (id, email, password_hash, role, scopes, created_at)
     select id::uuid, id, 'hash of ' || id, 'user', '{}', now() from unnest('{${ada},${bob}}'::text[]) as id`,
  );
  const confirmed = (id: string, subject: string): Promise<string> =>
    database.unitOfWork
      .run({ operation: 'account.password' }, (transaction) =>
        lockConfirmed(transaction, { id, password_hash: `hash of ${id}` }, { kind: 'user', subject, scopes: [] }),
      )
      .then(() => 'confirmed', codeOf);
  t.is(await confirmed(bob, ada), 'credentials_invalid');
  t.is(await confirmed(ada, ada), 'confirmed');
});
