import test from 'ava';
import { composeCredentialAdmin } from '#src/compose/identity/credential-admin.ts';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { entities } from '#src/compose/data/entities.ts';
import { createDatabase } from '#src/database/database.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { noLoginThrottle } from '#src/kernel/ports/rate-limiter.ts';
import { ada, auditActions, bearer, openSession, refresh, signedIn, type Room } from '../room.ts';
import { databaseSettings } from '#testkit/database.ts';
import { startMailRoom } from '#test/mail/mail-room.ts';

const dayMs = 86_400_000;
const remove = (room: Room, headers: Record<string, string>, password = ada.password) =>
  room.json('/account', { password }, headers, 'DELETE');
const dayIn = (days: number): string => new Date(Date.now() + days * dayMs).toISOString().slice(0, 10);
const subjects = (room: Awaited<ReturnType<typeof startMailRoom>>) =>
  room.smtp.received.map(({ headers }) => headers['subject']);

const adminOf = (
  { database }: { readonly database: Pick<Room['database'], 'unitOfWork' | 'reader'> },
  days: number,
) => {
  const clock = { now: () => new Date(Date.now() + days * dayMs), monotonic: () => performance.now() };
  const audit = createAuditTrail({ clock, metrics: noMetrics, ids: uuidv7 });
  const { unitOfWork, reader } = database;
  return composeCredentialAdmin({ unitOfWork, reader, audit, clock });
};

test('a removal is planned, ends all sign-ins, and is done after the grace period', async (t) => {
  const room = await startMailRoom(t);
  const { access, refresh: family } = await signedIn(room);
  const { cookie } = await openSession(room);
  const { body: key } = await room.json('/api-keys', { name: 'key', scopes: ['ml:read'] }, bearer(access));
  const planned = await remove(room, bearer(access));
  t.is(planned.status, 202);
  t.deepEqual(planned.body, { removal_on: dayIn(14) });
  t.like((await room.me(bearer(access))).body, { code: 'token_revoked' });
  t.like((await refresh(room, family)).body, { error: 'invalid_grant' });
  t.is((await room.me({ Cookie: cookie })).status, 401);
  t.is((await room.me({ 'X-API-Key': String(key['key']) })).status, 200, 'keys work until the removal');
  await room.work();
  t.true(subjects(room).includes('Your account will be removed'));

  t.is(await adminOf(room, 13.9).eraseDue(10), 0);
  t.is(await adminOf(room, 14.1).eraseDue(10), 1);
  t.is(await adminOf(room, 14.1).eraseDue(10), 0);
  t.is((await room.stored.query('select 1 from user_account')).length, 0);
  t.is((await room.stored.query('select 1 from mail_message')).length, 0);
  t.is((await room.json('/auth/login', ada)).status, 401);
  const actions = await auditActions(room);
  t.true(actions.includes('user.removal_requested'));
  t.true(actions.includes('user.erased'));
  const [erased] = await room.stored.query(`select actor_kind from audit_event where action = 'user.erased'`);
  t.is(erased?.['actor_kind'], 'system');
});

test('an operator erases a large account with the time that the retention has for one', async (t) => {
  const room = await startMailRoom(t);
  await room.stored.query(
    `create function be_slow() returns trigger language plpgsql as 'begin perform pg_sleep(0.5); return old; end'`,
  );
  await room.stored.query('create trigger slow before delete on user_account for each row execute function be_slow()');
  const quick = { ...databaseSettings(room.stored.url), entities, statementTimeoutMs: 250 };
  const database = await createDatabase(quick);
  t.teardown(() => database.close());
  const admin = adminOf({ database }, 15);
  for (const who of ['operator', 'retention']) {
    const { access } = await signedIn(room, { ...ada, email: `${who}@example.org` });
    t.is((await remove(room, bearer(access))).status, 202);
    const [user] = await room.stored.query('select id from user_account');
    await t.notThrowsAsync(who === 'operator' ? admin.erase(String(user!['id'])) : admin.eraseDue(1), who);
    t.deepEqual(await room.stored.query('select 1 from user_account'), []);
  }
});

test('an erasure removes what ended keys of the user stored, and reads no ids of keys', async (t) => {
  const room = await startMailRoom(t);
  const { access } = await signedIn(room);
  await remove(room, bearer(access));
  const [user] = await room.stored.query('select id from user_account');
  await room.stored.query(
    `insert into api_key (id, key_hash, prefix, name, owner_kind, owner_id, scopes, created_at, expires_at)
     select gen_random_uuid(), sha256(number::text::bytea), 'vw_', 'mine', 'user', $1, '{}', now(), now() from generate_series(1, 300) as number`,
    [user!['id']],
  );
  await room.stored.query(
    `insert into pricing_job (id, subject, status, created_at) select id, 'api_key:' || id, 'open', now() from api_key limit 2`,
  );
  await room.stored.query(
    `insert into idempotency_key (subject, key_hash, fingerprint, owner, lease_until, expires_at)
     select 'api_key:' || id, '', '', gen_random_uuid(), now(), now() from api_key limit 2`,
  );
  const sizes: number[] = [];
  const { unitOfWork, reader } = room.database;
  const measured: typeof unitOfWork = {
    ...unitOfWork,
    run: (options, work) =>
      unitOfWork.run(options, (transaction) =>
        work({
          ...transaction,
          query: async (sql: string, parameters: readonly unknown[] = []) => {
            const rows = await transaction.query(sql, parameters);
            const sent = parameters.map((value) => (Array.isArray(value) ? value.length : 1));
            sizes.push(sql.startsWith('delete') ? 0 : rows.length, ...sent);
            return rows;
          },
        } as typeof transaction),
      ),
  };
  t.is(await adminOf({ database: { unitOfWork: measured, reader } }, 15).eraseDue(10), 1);
  t.true(Math.max(...sizes) < 10, `${Math.max(...sizes)} ids`);
  t.true(sizes.length > 10);
  for (const table of ['pricing_job', 'idempotency_key', 'user_account']) {
    t.is((await room.stored.query(`select 1 from ${table}`)).length, 0, table);
  }
  t.deepEqual(await room.stored.query('select name, count(*)::int from api_key group by name'), [
    { name: 'erased', count: 300 },
  ]);
});

test('a sign-in before the day cancels the removal and tells the owner', async (t) => {
  const room = await startMailRoom(t);
  const { access } = await signedIn(room);
  await remove(room, bearer(access));
  t.is((await room.json('/auth/login', { ...ada, password: 'not the right one' })).status, 401);
  t.is((await room.stored.query('select 1 from user_account where removal_at is not null')).length, 1);
  const back = await room.json('/auth/login', ada);
  t.is(back.status, 200);
  t.is((await room.me(bearer(back.body['access_token']))).status, 200);
  t.is((await room.stored.query('select 1 from user_account where removal_at is not null')).length, 0);
  await room.work();
  t.true(subjects(room).includes('Your account stays'));
  t.true((await auditActions(room)).includes('user.removal_cancelled'));
  t.is(await adminOf(room, 100).eraseDue(10), 0);
});

test('a browser loses its cookie, a wrong password plans nothing, others than users are refused', async (t) => {
  const room = await startMailRoom(t);
  const { access } = await signedIn(room);
  const { cookie, csrf } = await openSession(room);
  const session = { Cookie: cookie, 'X-CSRF-Token': csrf };
  t.like((await remove(room, session, 'not my password')).body, { status: 401, code: 'credentials_invalid' });
  t.like((await remove(room, { Cookie: cookie })).body, { code: 'csrf_token_invalid' });
  t.is((await room.stored.query('select 1 from user_account where removal_at is not null')).length, 0);
  const { body: key } = await room.json('/api-keys', { name: 'key', scopes: ['ml:read'] }, bearer(access));
  t.like((await remove(room, { 'X-API-Key': String(key['key']) })).body, { status: 404, code: 'resource_not_found' });
  const gone = await remove(room, session);
  t.is(gone.status, 202);
  t.regex(gone.headers.get('set-cookie') ?? '', /__Host-session=;/);
});

test('without a grace period the account is due at once', async (t) => {
  const room = await startMailRoom(t, { settings: { removalGraceDays: 0 } });
  const { access } = await signedIn(room);
  t.deepEqual((await remove(room, bearer(access))).body, { removal_on: dayIn(0) });
  t.is(await adminOf(room, 0).eraseDue(10), 1);
});

test('a sign-in and the removal at the same time: one of them wins as a whole', async (t) => {
  for (let round = 0; round < 4; round += 1) {
    const room = await startMailRoom(t, { settings: { removalGraceDays: 0 } });
    const { access } = await signedIn(room);
    await remove(room, bearer(access));
    const [erased, login] = await Promise.all([adminOf(room, 0.1).eraseDue(10), room.json('/auth/login', ada)]);
    const accounts = (await room.stored.query('select 1 from user_account')).length;
    t.deepEqual([erased, login.status, accounts], erased === 1 ? [1, 401, 0] : [0, 200, 1]);
  }
});

test('a removal that is asked for with a password that was changed meanwhile is refused', async (t) => {
  const passwordChange = { run: async (): Promise<void> => {} };
  const room = await startMailRoom(t, {
    // Between the check of the password and the storage of the removal.
    throttle: { ...noLoginThrottle, succeeded: () => passwordChange.run() },
  });
  const { access } = await signedIn(room);
  passwordChange.run = async () => {
    await room.stored.query(`update user_account set password_hash = 'another'`);
  };
  t.like((await remove(room, bearer(access))).body, { status: 401, code: 'credentials_invalid' });
  t.deepEqual(await room.stored.query('select removal_at from user_account'), [{ removal_at: null }]);
});

const refuseDeletionOf = (table: string, condition: string): string =>
  `create function refuse() returns trigger language plpgsql as $$ begin
     if ${condition} then raise exception using errcode = '57014', message = 'canceled'; end if; return old; end $$;
   create trigger refuse before delete on ${table} for each row execute function refuse()`;

test('a user who cannot be erased now keeps no other user from it', async (t) => {
  const room = await startMailRoom(t);
  for (const email of ['stuck@example.org', 'next@example.org']) {
    const { access } = await signedIn(room, { ...ada, email });
    await remove(room, bearer(access));
  }
  await room.stored.query(refuseDeletionOf('user_account', `old.email = 'stuck@example.org'`));
  await t.throwsAsync(adminOf(room, 15).eraseDue(10), { code: 'database_timeout' });
  t.deepEqual(await room.stored.query('select email from user_account'), [{ email: 'stuck@example.org' }]);
});

test('no erasure begins after the time for erasures, and the next run does the rest', async (t) => {
  const room = await startMailRoom(t, { settings: { removalGraceDays: 0 } });
  for (const email of ['first@example.org', 'second@example.org']) {
    const { access } = await signedIn(room, { ...ada, email });
    await remove(room, bearer(access));
  }
  t.is(await adminOf(room, 1).eraseDue(10, AbortSignal.abort()), 0);
  t.is((await room.stored.query('select 1 from user_account')).length, 2);
  t.is(await adminOf(room, 1).eraseDue(10), 2);
});

test('a table whose expired rows cannot be deleted keeps no other table from it', async (t) => {
  const room = await startMailRoom(t);
  await signedIn(room);
  await openSession(room);
  await room.stored.query(refuseDeletionOf('refresh_family', 'true'));
  room.advance(40 * 86_400);
  await t.throwsAsync(room.auth.cleanUp(), { code: 'database_timeout' });
  t.is((await room.stored.query('select 1 from refresh_family')).length, 1);
  t.deepEqual(await room.stored.query('select 1 from user_session'), []);
});
