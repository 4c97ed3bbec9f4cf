import test from 'ava';
import { createAccountsEntities } from '#src/accounts/entities.ts';
import { createPresets } from '#src/accounts/presets/presets.ts';
import { auditEntities } from '#src/audit/entities.ts';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { UserAccountEntity } from '#src/auth/account-entities.ts';
import { createDatabase } from '#src/database/database.ts';
import { noMetrics as metrics } from '#src/kernel/catalogue/metrics.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';

test('a change of presets takes one connection of the pool, also when it is refused', async (t) => {
  const stored = await setupDatabase(t);
  const user = uuidv7();
  await stored.query(
    `insert into user_account (id, email, password_hash, role, scopes, created_at)
     values ('${user}', 'ada@example.org', 'x', 'user', '{}', now())`,
  );
  const { unitOfWork, reader, close } = await createDatabase({
    ...databaseSettings(stored.url),
    poolMax: 1,
    entities: [UserAccountEntity, ...createAccountsEntities(UserAccountEntity), ...auditEntities],
  });
  t.teardown(close);
  const audit = createAuditTrail({ clock, metrics, ids: uuidv7 });
  const presets = createPresets({
    unitOfWork,
    assertCallerMayStore: async () => {},
    reader,
    audit,
    clock,
    maxPresets: 5,
    forget: () => {},
  });
  await presets.put(user, 'american', { model: 'black_scholes' });
  const refused = await t.throwsAsync(presets.remove(user, 'americn'));
  t.like(refused, { code: 'resource_not_found', message: 'There is no preset "americn"; did you mean american?' });
  await presets.remove(user, 'american');
  t.deepEqual(await presets.list(user, { after: null, from: null, to: null, limit: 10 }), []);
});
