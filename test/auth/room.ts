import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { ExecutionContext } from 'ava';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { createCreationQuota } from '#src/audit/creation-quota.ts';
import { ownerOfActor } from '#src/auth/owners/owner-of-actor.ts';
import { createRefusalLimit, type RefusalLimitDeps } from '#src/audit/refusals/refusal-limit.ts';
import { createAuth, type Auth, type AuthDeps } from '#src/auth/auth.ts';
import type { AuthSettings } from '#src/auth/auth-settings.ts';
import { createOwners } from '#src/auth/owners/owners.ts';
import { createDatabase, type Database } from '#src/database/database.ts';
import { createClientIp } from '#src/http/server/client-ip.ts';
import { noAbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { noFaults } from '#src/kernel/catalogue/faults.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import type { AssertCallerMayStore, Owners } from '#src/kernel/ports/owners.ts';
import type { Route } from '#src/kernel/requests/route.ts';
import { createCursors } from '#src/kernel/lists/pagination.ts';
import { unlimitedLookups } from '#src/kernel/credentials/credential-lookups.ts';
import { noMail } from '#src/kernel/ports/account/mail.ts';
import { noLoginThrottle } from '#src/kernel/ports/rate-limiter.ts';
import { serve } from '#test/http/support.ts';
import { entities } from '#src/compose/data/entities.ts';
import { callerMayStore } from '#src/compose/identity/owners.ts';
import { removeDataOf } from '#src/compose/identity/credential-admin.ts';
import { removeDocumentsOf } from '#src/accounts/index.ts';
import { removeCalendarOf } from '#src/calendar/retention.ts';
import { removeWebhooksOf } from '#src/webhooks/retention.ts';
import { databaseSettings, setupDatabase, type TestDatabase } from '#testkit/database.ts';
import { recordMetrics, type RecordedMetrics } from '#testkit/metrics.ts';
import { ringOf, pemOf, keys, settings } from './setup.ts';

const ring = await ringOf({ privateKeyPem: pemOf(keys.signing.privateKey) });

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
};

export type Room = {
  readonly auth: Auth;
  /** Base URL of the routes. */
  readonly url: string;
  readonly metrics: RecordedMetrics;
  readonly database: Database;
  readonly stored: TestDatabase;
  /** Everybody's clock goes on. */
  readonly advance: (seconds: number) => void;
  readonly call: (path: string, init?: RequestInit) => Promise<Answer>;
  readonly json: (path: string, body: unknown, headers?: Record<string, string>, method?: string) => Promise<Answer>;
  readonly form: (path: string, body: Record<string, string>, headers?: Record<string, string>) => Promise<Answer>;
  readonly me: (headers: Record<string, string>) => Promise<Answer>;
  /** Waits until the refusals so far are recorded, which comes after their answers. */
  readonly recorded: () => Promise<void>;
};

export type RoomParts = Pick<Database, 'unitOfWork'> & {
  readonly reader: Reader;
  readonly clock: Clock;
  readonly metrics: RecordedMetrics;
};

type MoreParts = RoomParts & {
  readonly audit: AuditTrail;
  readonly owners: Owners;
  readonly assertCallerMayStore: AssertCallerMayStore;
};

export type RoomOptions = {
  readonly settings?: Partial<AuthSettings> & { readonly ownerCacheMs?: number };
  /** Of another room: a second instance on the same database and clock. */
  readonly beside?: Room;
  /** Limits of recorded refusals. Default: none. */
  readonly auditRefusals?: Omit<RefusalLimitDeps, 'clock'>;
  /** Limit of creations, and of changes of the password, of one owner in a day. Default: none. */
  readonly creationsPerDay?: number;
  /** Dependencies that need the database and the clock of the room. */
  readonly make?: (parts: RoomParts) => Partial<AuthDeps>;
  /** Routes of other rooms. */
  readonly moreRoutes?: (parts: MoreParts) => readonly Route[];
} & Partial<Omit<AuthDeps, 'settings'>>;

const offsets = new WeakMap<TestDatabase, { seconds: number }>();

const read = async (response: Response): Promise<Answer> => {
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
};

/** The whole room over HTTP, on a database of its own, polling as in service. */
export const startRoom = async (t: ExecutionContext, options: RoomOptions = {}): Promise<Room> => {
  const {
    settings: { ownerCacheMs = 1_000, ...overriding } = {},
    beside,
    make,
    moreRoutes,
    auditRefusals,
    creationsPerDay,
    ...deps
  } = options;
  const stored = beside?.stored ?? (await setupDatabase(t));
  const offset = offsets.get(stored) ?? { seconds: 0 };
  offsets.set(stored, offset);
  const clock = {
    now: () => new Date(Date.now() + offset.seconds * 1000),
    monotonic: () => performance.now(),
  };
  const metrics = recordMetrics();
  const database = await createDatabase({
    ...databaseSettings(stored.url),
    entities,
    metrics,
  });
  const bootstrap = 'bootstrap' in deps ? deps.bootstrap : { id: 'desk', secret: 'bootstrap secret' };
  const reader = deps.reader ?? database.reader;
  const refusals = auditRefusals && createRefusalLimit({ clock, ...auditRefusals });
  const assertMayCreate =
    creationsPerDay === undefined
      ? undefined
      : createCreationQuota({
          abuse: noAbuseReport,
          ownerOfActor,
          maxPerDay: creationsPerDay,
          maxRefreshesPerDay: creationsPerDay,
        });
  const limits = { ...(refusals && { refusals }), ...(assertMayCreate && { assertMayCreate }) };
  const audit = createAuditTrail({ clock, metrics, ids: uuidv7, ...limits });
  const owners = createOwners({
    reader,
    clock,
    roles: overriding.roles ?? settings.roles,
    bootstrap,
    cacheMs: ownerCacheMs,
    verificationRequired: overriding.verificationRequired ?? settings.verificationRequired,
  });
  const parts = { unitOfWork: database.unitOfWork, reader, clock, metrics };
  const auth = createAuth({
    settings: { ...settings, ...overriding },
    keyRing: ring,
    bootstrap,
    secrets: {
      apiKeys: 'test secret of keys',
      csrf: Buffer.from('test secret of csrf'),
      places: Buffer.from('places'),
      secondFactors: [Buffer.alloc(32, 'second factors')],
      tags: Buffer.from('tags'),
    },
    unitOfWork: database.unitOfWork,
    reader,
    databaseTime: async () => clock.now(),
    owners,
    mail: noMail,
    abuse: noAbuseReport,
    removeWebhooks: (transaction, owner, actor) => removeWebhooksOf(transaction, owner, { audit, actor }),
    removeData: removeDataOf(audit),
    removeSettings: async (transaction, userId, actor) => {
      await removeDocumentsOf(transaction, userId);
      await removeCalendarOf(transaction, { kind: 'user', id: userId }, { audit, actor });
    },
    audit,
    throttle: noLoginThrottle,
    lookups: unlimitedLookups,
    cursors: createCursors({ secret: 'test secret of cursors' }),
    clock,
    logger: silentLogger,
    metrics,
    faults: noFaults,
    ...deps,
    ...make?.(parts),
  });
  const more = moreRoutes?.({ ...parts, audit, owners, assertCallerMayStore: callerMayStore(owners) });
  const { call, port } = await serve(t, {
    routes: [...auth.routes, ...(more ?? [])],
    authenticate: auth.authenticate,
    csrf: auth.csrf,
    clientIp: createClientIp({ trustedProxies: ['127.0.0.1'] }),
    corsOrigins: overriding.origins ?? [],
  });
  auth.start();
  t.teardown(async () => {
    await auth.close();
    await database.close();
  });
  const room: Room = {
    auth,
    url: `http://127.0.0.1:${port}/api/v1`,
    metrics,
    database,
    stored,
    advance: (seconds) => (offset.seconds += seconds),
    call: async (path, init) => read(await call(`/api/v1${path}`, init)),
    json: (path, body, headers = {}, method = 'POST') =>
      room.call(path, {
        method,
        headers: { 'Content-Type': 'application/json', ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    form: (path, body, headers = {}) =>
      room.call(path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
        body: new URLSearchParams(body).toString(),
      }),
    me: (headers) => room.call('/auth/me', { headers }),
    recorded: () => audit.flushRefusals(database.unitOfWork),
  };
  return room;
};

/**
 * For tests that wait until an instance knows a change: it reads owners and revoked tokens again after 50 ms, so that a test
 * does not wait for the default times.
 */
export const quickCaches = { settings: { ownerCacheMs: 50, revocationPollMs: 50 } };

export const bearer = (token: unknown): Record<string, string> => ({ Authorization: `Bearer ${String(token)}` });
export const ada = { email: 'ada@example.org', password: 'a rather long sentence' };

/** A user who has an account and is signed in. */
export const signedIn = async (room: Room, who = ada) => {
  await room.json('/auth/register', who);
  const { body } = await room.json('/auth/login', who);
  return { access: String(body['access_token']), refresh: String(body['refresh_token']) };
};

export const refresh = (room: Room, token: string, more: Record<string, string> = {}): Promise<Answer> =>
  room.form('/auth/token', { grant_type: 'refresh_token', refresh_token: token, ...more });

/** A browser's view of a session: its cookie header and CSRF token. */
export const openSession = async (room: Room, who = ada, headers: Record<string, string> = {}) => {
  const answer = await room.json('/auth/login', { ...who, session: true }, headers);
  const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
  return { answer, cookie, csrf: String(answer.body['csrf_token']) };
};

export const auditActions = async ({ stored, recorded }: Room): Promise<string[]> => {
  await recorded();
  return (await stored.query('select action from audit_event order by id')).map((row) => String(row['action']));
};
