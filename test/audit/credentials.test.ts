import test, { type ExecutionContext } from 'ava';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { compareState, rebuildState } from '#src/audit/replay.ts';
import { verifyAuditTrail } from '#src/audit/verification.ts';
import { createApiKeys } from '#src/auth/api-keys/api-keys.ts';
import { createKeyChanges } from '#src/auth/api-keys/key-changes.ts';
import { createNewKeys } from '#src/auth/api-keys/new-key.ts';
import { composeClientAdmin } from '#src/compose/identity/client-admin.ts';
import { ownersOf } from '#testkit/accounts/owners.ts';
import { createSecretHasher } from '#src/auth/secrets/secret-hasher.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { unlimitedLookups } from '#src/kernel/credentials/credential-lookups.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { createTaggedSecrets } from '#src/kernel/credentials/tagged-secrets.ts';
import { setup } from './setup.ts';

const secret = 'a secret for this test alone';

const setupCredentials = async (t: ExecutionContext) => {
  const made = await setup(t);
  const { unitOfWork, reader } = made.database;
  const { audit } = made;
  const hasher = createSecretHasher({
    metrics: noMetrics,
    work: 'password',
    memoryKib: 64,
    passes: 1,
    parallelism: 1,
    concurrency: 1,
    queue: 10,
  });
  const clients = composeClientAdmin({ unitOfWork, reader, hasher, audit, clock });
  const owners = ownersOf({ reader, bootstrap: undefined });
  const taggedSecrets = createTaggedSecrets(Buffer.from('tags'));
  const newKeys = createNewKeys({ audit, owners, clock, taggedSecrets, secret, maxPerOwner: 10 });
  const keys = createApiKeys({
    unitOfWork,
    reader,
    audit,
    clock,
    owners,
    usage: { note: () => {}, flush: async () => {} },
    lookups: unlimitedLookups,
    taggedSecrets,
    secret,
    newKeys,
  });
  const changes = createKeyChanges({ unitOfWork, audit, clock, owners, newKeys, keyRotationHours: 24 });
  return { ...made, reader, clients, keys, changes };
};

test('clients and API keys can be rebuilt from their events: created, changed, rotated, revoked', async (t) => {
  const { clients, keys, changes, reader, admin } = await setupCredentials(t);
  const kept = await clients.create({ name: 'kept', scopes: ['audit:read', 'ml:read'] });
  const revokedClient = await clients.create({ name: 'revoked', scopes: [] });
  await clients.rotate(kept.id);
  await clients.revoke(revokedClient.id);
  const owner: Principal = { kind: 'client', subject: kept.id, scopes: ['audit:read', 'ml:read'] };
  const limited = await keys.create(owner, {
    name: 'limited',
    scopes: ['ml:read'],
    endOf: () => new Date(Date.now() + 86_400_000),
  });
  const revoked = await keys.create(owner, { name: 'revoked', scopes: [], endOf: () => null });
  await keys.revoke(owner, revoked.id);
  const rotated = await changes.rotate(owner, limited.id, 1);
  await changes.change(owner, rotated.id, { name: 'renamed', scopes: [] });

  t.deepEqual(await compareState(reader), []);
  const rebuiltClients = await rebuildState(reader, 'oauth_client');
  t.deepEqual([...rebuiltClients.keys()].length, 2);
  t.like(rebuiltClients.get(kept.id), { scopes: ['audit:read', 'ml:read'], revoked_at: null });
  t.truthy(rebuiltClients.get(kept.id)?.['rotated_at']);
  t.truthy(rebuiltClients.get(revokedClient.id)?.['revoked_at']);
  const rebuiltKeys = await rebuildState(reader, 'api_key');
  t.like(rebuiltKeys.get(limited.id), { owner_id: kept.id, scopes: ['ml:read'], revoked_at: null });
  t.truthy(rebuiltKeys.get(revoked.id)?.['revoked_at']);
  t.like(await verifyAuditTrail(reader), { events: 10, streams: 5, faults: [] });

  const [trail] = await admin.query('select string_agg(audit_event::text, chr(10)) as text from audit_event');
  for (const hidden of [kept.secret, limited.key, limited.key.slice(-43), 'limited', 'argon2id']) {
    t.false(String(trail?.['text']).includes(hidden), hidden);
  }
});

test('a scope, a revocation and an API key changed directly in the database are reported', async (t) => {
  const { clients, keys, reader, admin } = await setupCredentials(t);
  const { id } = await clients.create({ name: 'client', scopes: [] });
  const owner: Principal = { kind: 'client', subject: id, scopes: [] };
  const key = await keys.create(owner, { name: 'key', scopes: [], endOf: () => null });
  await keys.revoke(owner, key.id);

  await admin.query(`update oauth_client set scopes = '{users:admin}'`);
  await admin.query('update api_key set revoked_at = null');
  await admin.query(
    `insert into api_key (id, key_hash, prefix, name, owner_kind, owner_id, scopes, created_at)
     select gen_random_uuid(), '\\x00', prefix, name, owner_kind, owner_id, scopes, created_at from api_key`,
  );

  const problems = (await compareState(reader)).map(({ table, problem }) => `${table} ${problem}`);
  t.deepEqual(problems, [
    'oauth_client differs from its events in scopes',
    'api_key differs from its events in revoked_at',
    'api_key is in the table but has no events',
  ]);
});

test('the revocation of a client removes its webhooks and its calendar, and those of others stay', async (t) => {
  const { clients, admin } = await setupCredentials(t);
  const [revoked, kept] = [
    await clients.create({ name: 'revoked', scopes: [] }),
    await clients.create({ name: 'kept', scopes: [] }),
  ];
  for (const { id } of [revoked, kept]) {
    await admin.query(
      `insert into webhook (id, owner_kind, owner_id, url, events, created_at)
       values (gen_random_uuid(), 'client', $1, 'http://127.0.0.1/', '{refresh.succeeded}', now())`,
      [id],
    );
    await admin.query(
      `insert into calendar_connection (id, owner_kind, owner_id, status, scopes, refresh_token, access_token,
         access_expires_at, connected_at)
       values (gen_random_uuid(), 'client', $1, 'connected', '{}', 'refresh of ' || $1, 'access', now(), now())`,
      [id],
    );
  }
  await clients.revoke(revoked.id);
  const owners = [{ owner_id: kept.id }];
  t.deepEqual(await admin.query('select owner_id from webhook'), owners);
  t.deepEqual(await admin.query('select owner_id from calendar_connection'), owners);
  t.deepEqual(await admin.query('select refresh_token from calendar_revocation'), [
    { refresh_token: `refresh of ${revoked.id}` },
  ]);
});
