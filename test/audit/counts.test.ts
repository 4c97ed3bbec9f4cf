import test from 'ava';
import { removeOldCounts } from '#src/audit/owner-counts.ts';
import { auditActionsOf, type AuditQuotaGroup } from '#src/kernel/catalogue/audit-actions.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { ada, dayMs, limited } from './limited.ts';

const privileged = ['universe_changes', 'administration', 'refreshes'] as const;
const waysOut = {
  creations: /change the password, which begins this count anew/,
  protections: /Change the password, which .* begins this count anew/,
  sign_ins: /reset the password by e-mail/,
  exports: /Use the export that you have/,
  changes: /Send several changes with one request/,
  password_changes: /reset the password by e-mail/,
} as const;

for (const [group, wayOut] of Object.entries(waysOut)) {
  test(`the events of one owner in the group ${group} end at ten times the limit of a day in 30 days`, async (t) => {
    const { record, reported, advance } = await limited(t, 2);
    const action = auditActionsOf(group as AuditQuotaGroup)[0]!;
    for (let day = 0; day < 10; day += 1, advance(dayMs)) {
      for (let made = 0; made < 2; made += 1) await record(action);
    }
    await t.notThrowsAsync(record(action), 'each day has a twentieth of its max, at least one');
    const error = await t.throwsAsync(record(action), { code: 'quota_exceeded' });
    t.like(error, { errors: [{ code: `${group}_in_30_days` }] });
    t.regex(error.message, wayOut);
    t.regex(error.message, /leaves the count after 30 days; until then each day \(UTC\) has 1\./);
    t.deepEqual(reported, ['storage_quota']);
    await t.notThrowsAsync(record(action, { kind: 'user', subject: 'grace' }));
    advance(20 * dayMs);
    await t.notThrowsAsync(record(action), 'the events of the first day have left the count');
    await t.throwsAsync(record(action), { code: 'quota_exceeded' });
  });
}

for (const group of privileged) {
  test(`the group ${group}, which needs a scope of an administrator, has the limit of a day only`, async (t) => {
    const { record, advance } = await limited(t, 2);
    for (let day = 0; day < 12; day += 1, advance(dayMs)) {
      for (let made = 0; made < 2; made += 1) await t.notThrowsAsync(record(auditActionsOf(group)[0]!));
    }
  });
}

test('a change of the password leaves the owner as many places again, whatever a thief has used up in 30 days', async (t) => {
  const { record, advance } = await limited(t, 2);
  const useUp = async () => {
    // One on the last day, so that this day has no further one.
    for (let made = 0; made < 20; made += 1) {
      await record('api_key.rotated');
      if (made % 2 === 0) advance(dayMs);
    }
    return t.throwsAsync(record('api_key.rotated'), { code: 'quota_exceeded' });
  };
  t.like(await useUp(), { errors: [{ code: 'protections_in_30_days' }] });
  await record('user.password_changed');
  t.like(await useUp(), { errors: [{ code: 'protections_in_30_days' }] });
  await record('user.password_changed');
  const error = await t.throwsAsync(record('api_key.rotated'), { code: 'quota_exceeded' }, 'twenty times in 30 days');
  t.like(error, { errors: [{ code: 'protections_in_30_days' }] });
  t.regex(error.message, /A change of the password does not begin this count anew\./);
});

test('an owner whose sign-ins somebody has used up for 30 days can sign in a few times each day', async (t) => {
  const { record, admin, advance } = await limited(t, 40);
  await admin.query(
    `insert into audit_count (owner_kind, owner_id, action_group, day, events, counted)
     values ('user', 'ada', 'sign_ins', (now() at time zone 'UTC')::date - 10, 400, 400)`,
  );
  for (let day = 0; day < 3; day += 1, advance(dayMs)) {
    for (let made = 0; made < 2; made += 1) await t.notThrowsAsync(record('user.signed_in'));
    const error = await t.throwsAsync(record('user.signed_in'), { code: 'quota_exceeded' });
    t.like(error, { errors: [{ code: 'sign_ins_in_30_days' }] });
  }
});

test('ends of own tokens always succeed, and leave ten times the number of a day in 30 days; the last one says so', async (t) => {
  const { database, audit, metrics, admin, advance } = await limited(t, 1);
  const end = () =>
    database.unitOfWork.run({ operation: 'auth.revoke' }, (transaction) =>
      audit.record(transaction, {
        stream: 'user:ada',
        action: 'token.revoked',
        outcome: 'success',
        actor: ada,
        target: uuidv7(),
      }),
    );
  for (let day = 0; day < 12; day += 1, advance(dayMs)) await end();
  const data = (await admin.query('select data from audit_event order by sequence')).map((row) => row['data']);
  t.deepEqual(data, [...Array.from({ length: 9 }, () => ({ last_of_day: true })), { last_of_30_days: true }]);
  t.is(metrics.value('volwatch_audit_endings_omitted_total'), 2);
});

test('an action of an owner with many keys reads none of their ids, and no events', async (t) => {
  const { database, audit, admin } = await limited(t, 100);
  await admin.query(
    `insert into api_key (id, key_hash, prefix, name, owner_kind, owner_id, scopes, created_at, expires_at)
     select gen_random_uuid(), sha256(number::text::bytea), 'vw_', 'k', 'user', 'ada', '{}', now(), now() from generate_series(1, 500) as number`,
  );
  const [key] = await admin.query('select id from api_key limit 1');
  const statements: string[] = [];
  const sizes: number[] = [];
  await database.unitOfWork.run({ operation: 'auth.api_key' }, (transaction) => {
    const query: typeof transaction.query = async (sql, parameters = []) => {
      const rows = await transaction.query<never>(sql, parameters);
      statements.push(sql);
      sizes.push(rows.length, ...parameters.map((value) => (Array.isArray(value) ? value.length : 1)));
      return rows;
    };
    const event = { stream: 'webhook:1', action: 'webhook.created', outcome: 'success', target: '1' } as const;
    const actor = { kind: 'api_key', subject: String(key!['id']) } as const;
    return audit.record({ ...transaction, query }, { ...event, actor });
  });
  t.true(Math.max(...sizes) <= 1, `${Math.max(...sizes)} ids`);
  t.false(statements.some((sql) => sql.includes('from audit_event')));
  const counts = await admin.query('select owner_kind, owner_id, action_group, events, counted from audit_count');
  const owner = { owner_kind: 'user', owner_id: 'ada' };
  t.deepEqual(counts, [{ ...owner, action_group: 'creations', events: 1, counted: 1 }]);
});

test('counts that no quota reads are removed, and transactions that count at once do not lose an event', async (t) => {
  const { record, database, admin, advance } = await limited(t, 100);
  advance(-40 * dayMs);
  await record('user.settings_changed');
  advance(40 * dayMs);
  await Promise.all(Array.from({ length: 8 }, () => record('user.settings_changed')));
  t.is(await database.unitOfWork.run({ operation: 'retention' }, removeOldCounts), 1);
  t.deepEqual(await admin.query('select events from audit_count'), [{ events: 8 }]);
});
