import type { ExecutionContext } from 'ava';
import { createAccountsEntities } from '#src/accounts/entities.ts';
import { UserAccountEntity } from '#src/auth/account-entities.ts';
import { createAccountsRoutes } from '#src/accounts/account-routes.ts';
import { auditEntities } from '#src/audit/entities.ts';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { createCreationQuota } from '#src/audit/creation-quota.ts';
import { ownerOfActor } from '#src/auth/owners/owner-of-actor.ts';
import { noAbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { createDatabase } from '#src/database/database.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { serve } from '#test/http/support.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { recordMetrics } from '#testkit/metrics.ts';

export const ada = '018f0000-0000-7000-8000-00000000000a';
const bob = '018f0000-0000-7000-8000-00000000000b';
const callers: Readonly<Record<string, Principal>> = {
  ada: { kind: 'user', subject: ada, scopes: [], email: 'ada@example.org', role: 'user' },
  bob: { kind: 'user', subject: bob, scopes: [] },
  desk: { kind: 'client', subject: 'desk', scopes: [] },
  key: { kind: 'api_key', subject: 'key', scopes: [] },
  // Users without an account here: of another system, and one whose account was deleted.
  foreign: { kind: 'user', subject: 'user-7', scopes: [] },
  gone: { kind: 'user', subject: '018f0000-0000-7000-8000-00000000000c', scopes: [] },
};

/** The routes of profile and settings, on a database with two users. */
export const start = async (t: ExecutionContext, maxChangesPerDay = 1_000) => {
  const stored = await setupDatabase(t);
  const metrics = recordMetrics();
  const database = await createDatabase({
    ...databaseSettings(stored.url),
    entities: [UserAccountEntity, ...createAccountsEntities(UserAccountEntity), ...auditEntities],
    metrics,
  });
  await stored.query(
    `insert into user_account (id, email, password_hash, role, scopes, created_at)
     select id::uuid, id, 'x', 'user', '{}', now() from unnest('{${ada},${bob}}'::text[]) as id`,
  );
  t.teardown(() => database.close());
  const warnings: string[] = [];
  const warn: Logger['warn'] = (fields, message) => void warnings.push(`${String(fields['column'])} ${message}`);
  const logger: Logger = { debug: () => {}, info: () => {}, warn, error: () => {} };
  const { unitOfWork, reader } = database;
  const audit = createAuditTrail({
    clock,
    metrics,
    ids: uuidv7,
    assertMayCreate: createCreationQuota({
      abuse: noAbuseReport,
      ownerOfActor,
      maxPerDay: maxChangesPerDay,
      maxRefreshesPerDay: maxChangesPerDay,
    }),
  });
  const { call } = await serve(t, {
    routes: createAccountsRoutes({ unitOfWork, assertCallerMayStore: async () => {}, reader, audit, clock, logger }),
    authenticate: async ({ headers }) => {
      const principal = callers[headers.authorization ?? ''];
      if (!principal) throw new AppError('credentials_missing');
      return principal;
    },
  });
  const send = async (who: string, path: string, change?: unknown, ifMatch?: string) => {
    const response = await call(`/api/v1${path}`, {
      headers: {
        Authorization: who,
        ...(change !== undefined && { 'Content-Type': 'application/json' }),
        ...(ifMatch !== undefined && { 'If-Match': ifMatch }),
      },
      ...(change !== undefined && { method: 'PATCH', body: JSON.stringify(change) }),
    });
    const body = (await response.json()) as Record<string, unknown>;
    return { status: response.status, etag: response.headers.get('etag') ?? '', body };
  };
  return { stored, metrics, warnings, send, call };
};
