import test from 'ava';
import type { AuditActor, AuditEvent } from '#src/kernel/ports/audit.ts';
import { auditActionsOf, auditQuotaGroups } from '#src/kernel/catalogue/audit-actions.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { ada, dayMs, limited } from './limited.ts';

test('creating and ending keys again and again ends at the limit of the day, for every kind of creation', async (t) => {
  const { record, reported, advance, admin } = await limited(t, 4);
  for (let round = 0; round < 4; round += 1) {
    await record('api_key.created');
    await record('api_key.revoked');
  }
  for (const action of auditActionsOf('creations')) {
    const error = await t.throwsAsync(record(action), { code: 'quota_exceeded' }, action);
    t.like(error, { errors: [{ code: 'creations_in_a_day' }] });
  }
  t.deepEqual(new Set(reported), new Set(['storage_quota']));
  t.is((await admin.query('select 1 from audit_event')).length, 8, 'a refused creation leaves nothing');

  await t.notThrowsAsync(record('api_key.revoked'), 'a credential can always be ended');
  await t.notThrowsAsync(record('api_key.created', { kind: 'user', subject: 'grace' }));
  await t.notThrowsAsync(record('api_key.created', { kind: 'client', subject: 'ada' }));
  advance(dayMs + 1);
  await t.notThrowsAsync(record('api_key.created'));
});

test('changes of settings end at the limit of the day, and use up no sign-ins', async (t) => {
  const { record, advance } = await limited(t, auditActionsOf('changes').length);
  for (const action of auditActionsOf('changes')) await record(action);
  for (const action of auditActionsOf('changes')) {
    const error = await t.throwsAsync(record(action), { code: 'quota_exceeded' }, action);
    t.like(error, { errors: [{ code: 'changes_in_a_day' }] });
  }
  await t.notThrowsAsync(record('user.preset_removed'), 'a preset can always be removed');
  await t.notThrowsAsync(record('user.signed_in'));
  advance(dayMs + 1);
  await t.notThrowsAsync(record('user.settings_changed'));
});

test('changes of the password end at their own limit, which nothing else uses up', async (t) => {
  const { record, advance } = await limited(t, 2);
  for (const action of ['api_key.created', 'user.signed_in', 'user.settings_changed'] as const) await record(action);
  for (const action of auditActionsOf('password_changes')) {
    for (let round = 0; round < 2; round += 1) await record(action);
    const error = await t.throwsAsync(record(action), { code: 'quota_exceeded' }, action);
    t.like(error, { errors: [{ code: 'password_changes_in_a_day' }] });
  }
  await t.notThrowsAsync(record('user.password_reset'), 'a reset by e-mail is possible');
  advance(dayMs + 1);
  await t.notThrowsAsync(record('user.password_changed'));
});

test('a key can always lose scopes: such a change is never refused, and uses up nothing', async (t) => {
  const { record } = await limited(t, 2);
  const change = (data: AuditEvent['data']) => record('api_key.changed', ada, data);
  for (let round = 0; round < 3; round += 1) await change({ scopes: [], scopes_removed: true });
  await change({ scopes: [], scopes_removed: false });
  // As stored before the events had this member.
  await change({ scopes: [] });
  await t.throwsAsync(change({ scopes: [], scopes_removed: false }), { code: 'quota_exceeded' });
  await t.throwsAsync(record('user.settings_changed'), { code: 'quota_exceeded' });
  await t.notThrowsAsync(change({ scopes: [], scopes_removed: true }));
});

test('creations and protections begin anew after a change or reset of the password, up to ten times in a day', async (t) => {
  const { record, advance } = await limited(t, 2);
  for (const action of ['api_key.created', 'api_key.rotated'] as const) {
    const useUp = async () => {
      for (let made = 0; made < 2; made += 1) await t.notThrowsAsync(record(action));
      await t.throwsAsync(record(action), { code: 'quota_exceeded' });
    };
    await useUp();
    for (let round = 1; round < 10; round += 1) {
      // Ids of events have the order of their times.
      advance(1);
      await record(round === 1 ? 'user.password_changed' : 'user.password_reset');
      advance(1);
      await useUp();
    }
    await record('user.password_reset');
    advance(1);
    await t.throwsAsync(record(action), { code: 'quota_exceeded' }, 'ten times the number of a day');
    advance(dayMs + 1);
  }
});

test('the new key of a rotation counts as a rotation only', async (t) => {
  const { record } = await limited(t, 2);
  for (let made = 0; made < 3; made += 1) await record('api_key.created', ada, { replaces: 'former' });
  await record('api_key.created');
  await record('api_key.created');
  await t.throwsAsync(record('api_key.created'), { code: 'quota_exceeded' });
  await record('api_key.rotated');
});

for (const group of auditQuotaGroups) {
  test(`the events of one actor in the group ${group} end at its limit, and use up no other one`, async (t) => {
    const { record, advance } = await limited(t, 2);
    const actions = auditActionsOf(group);
    t.true(actions.length > 0);
    for (let made = 0; made < 2; made += 1) await record(actions[made % actions.length]!);
    for (const action of actions) {
      const error = await t.throwsAsync(record(action), { code: 'quota_exceeded' }, action);
      t.like(error, { errors: [{ code: `${group}_in_a_day` }] });
    }
    for (const other of auditQuotaGroups.filter((each) => each !== group)) {
      await t.notThrowsAsync(record(auditActionsOf(other)[0]!), other);
    }
    for (const uncounted of ['following', 'ending', 'limited', 'operator'] as const) {
      for (const action of auditActionsOf(uncounted)) await t.notThrowsAsync(record(action), action);
    }
    await t.notThrowsAsync(record(actions[0]!, { kind: 'system', subject: null }), 'the service itself');
    await t.notThrowsAsync(record(actions[0]!, { kind: 'operator', subject: null }));
    advance(dayMs + 1);
    await t.notThrowsAsync(record(actions[0]!));
  });
}

test('the keys of an owner use one quota with it, and other owners have their own', async (t) => {
  const { record, admin } = await limited(t, 3);
  const keyOf = async (owner: string, revoked = 'null'): Promise<AuditActor> => {
    const id = uuidv7();
    await admin.query(
      `insert into api_key (id, name, prefix, key_hash, owner_kind, owner_id, scopes, created_at, revoked_at)
       values ($1, 'k', $3, $4, 'user', $2, '{}', now(), ${revoked})`,
      [id, owner, id.slice(-8), Buffer.from(id)],
    );
    return { kind: 'api_key', subject: id };
  };
  const [one, two, ended] = [await keyOf('ada'), await keyOf('ada'), await keyOf('ada', `now() - interval '1 hour'`)];
  const grace = await keyOf('grace');
  await record('refresh.started', one);
  await record('refresh.started', ended);
  await record('refresh.started', ada);
  for (const actor of [one, two, ada]) {
    await t.throwsAsync(record('refresh.started', actor), { code: 'quota_exceeded' }, actor.kind);
  }
  await t.notThrowsAsync(record('refresh.started', grace));
  await t.notThrowsAsync(record('refresh.started', { kind: 'client', subject: 'ada' }));
});

test('refreshes have a max of their own', async (t) => {
  const { record } = await limited(t, 1, 3);
  for (let made = 0; made < 3; made += 1) await record('refresh.started');
  await t.throwsAsync(record('refresh.queued'), { code: 'quota_exceeded' });
});

test('ends of own tokens always succeed, and leave a limited number of events in a day; the last one says so', async (t) => {
  const { database, audit, metrics, admin, advance } = await limited(t, 3);
  const end = (actor: AuditActor, user = 'ada') =>
    database.unitOfWork.run({ operation: 'auth.revoke' }, (transaction) =>
      audit.record(transaction, {
        stream: `user:${user}`,
        action: 'token.revoked',
        outcome: 'success',
        actor,
        target: uuidv7(),
      }),
    );
  const data = async (user = 'ada') =>
    (await admin.query('select data from audit_event where stream = $1 order by sequence', [`user:${user}`])).map(
      (row) => row['data'] as object,
    );
  for (let round = 0; round < 6; round += 1) await end(ada);
  t.deepEqual(await data(), [{}, {}, { last_of_day: true }]);
  t.is(metrics.value('volwatch_audit_endings_omitted_total'), 3);
  await end({ kind: 'user', subject: 'grace' }, 'grace');
  t.is((await data('grace')).length, 1, 'another user has events of its own');
  await end({ kind: 'operator', subject: null });
  await end({ kind: 'user', subject: 'administrator' });
  t.is((await data()).length, 5, 'what others end is always recorded');
  advance(dayMs + 1);
  await end(ada);
  t.is((await data()).length, 6);
});
