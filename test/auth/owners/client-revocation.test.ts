import { AsyncLocalStorage } from 'node:async_hooks';
import test from 'ava';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { createSecretHasher } from '#src/auth/secrets/secret-hasher.ts';
import { composeClientAdmin } from '#src/compose/identity/client-admin.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { shareOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { credentialsTurn } from '#src/kernel/ports/owners.ts';
import { eventually } from '#testkit/eventually.ts';
import { startRoom } from '../room.ts';
import { quickHashing } from '../setup.ts';

test('the revocation of a client waits for a transaction that stores something of it, and removes that too', async (t) => {
  const room = await startRoom(t);
  const { unitOfWork, reader } = room.database;
  const audit = createAuditTrail({ clock: systemClock, metrics: noMetrics, ids: uuidv7 });
  const hasher = createSecretHasher({ metrics: noMetrics, work: 'password', ...quickHashing });
  const clients = composeClientAdmin({ unitOfWork, reader, hasher, audit, clock: systemClock });
  const { id } = await clients.create({ name: 'client', scopes: ['ml:read'] });
  const revoking: Promise<void>[] = [];
  // A unit of work does not begin inside of another one.
  const outside = AsyncLocalStorage.snapshot();
  await unitOfWork.run({ operation: 'webhook.change' }, async ({ query }) => {
    await shareOwnerTurn(query, credentialsTurn({ kind: 'client', id }));
    revoking.push(outside(() => clients.revoke(id)));
    const waiting = `select 1 from pg_locks join pg_database on pg_database.oid = database
      where datname = current_database() and locktype = 'advisory' and not granted`;
    await eventually(async () => (await room.stored.query(waiting)).length > 0, 'the revocation waits');
    await query(
      `insert into webhook (id, owner_kind, owner_id, url, events, created_at)
       values (gen_random_uuid(), 'client', $1, 'https://late.example/hook', '{}', now())`,
      [id],
    );
  });
  await Promise.all(revoking);
  t.deepEqual(await room.stored.query('select url from webhook'), []);
});
