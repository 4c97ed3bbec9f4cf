import type { ExecutionContext } from 'ava';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { entities } from '#src/compose/data/entities.ts';
import { composeCredentialAdmin } from '#src/compose/identity/credential-admin.ts';
import { ownersOf } from '#testkit/accounts/owners.ts';
import type { CredentialAdmin } from '#src/auth/index.ts';
import { createDatabase, type Database } from '#src/database/database.ts';
import type { AbuseKind } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import type { JobData, JobQueue } from '#src/kernel/ports/jobs.ts';
import type { LogFields, Logger } from '#src/kernel/ports/logger.ts';
import { createCursors } from '#src/kernel/lists/pagination.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { Announce } from '#src/kernel/ports/webhooks.ts';
import { createDelivery } from '#src/webhooks/delivery/delivery.ts';
import { createOutbox, type Outbox } from '#src/webhooks/outbox/outbox.ts';
import { createWebhookRoutes } from '#src/webhooks/webhook-routes.ts';
import { createSend } from '#src/webhooks/sender/send.ts';
import { createWebhookSecrets } from '#src/webhooks/signatures.ts';
import { createWebhooks } from '#src/webhooks/webhooks.ts';
import { serve } from '#test/http/support.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { databaseSettings, setupDatabase, type TestDatabase } from '#testkit/database.ts';
import { recordMetrics, type RecordedMetrics } from '#testkit/metrics.ts';

type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
};

export type Room = {
  readonly stored: TestDatabase;
  readonly database: Database;
  readonly metrics: RecordedMetrics;
  readonly lines: readonly LogFields[];
  readonly refusals: readonly AbuseKind[];
  readonly outbox: Outbox;
  readonly credentials: CredentialAdmin;
  /** Waiting jobs, oldest first. */
  readonly queued: { queue: JobQueue; data: JobData }[];
  queuesOpen: boolean;
  /** Is waited for by the transaction that enqueues jobs together. */
  beforeEnqueued: () => Promise<void>;
  readonly advance: (seconds: number) => void;
  /** @param owner `client:desk` */
  readonly call: (method: string, path: string, owner?: string, body?: unknown) => Promise<Answer>;
  readonly announce: (...event: Parameters<Announce> extends [unknown, infer Event] ? [Event] : never) => Promise<void>;
  /** Does what is queued now, and what that enqueues. @returns the codes of jobs that threw, whose jobs stay away */
  readonly work: (options?: { readonly last?: boolean }) => Promise<string[]>;
};

const rotationMs = 3_600_000;

const principalOf = (owner: string): Principal => {
  const [kind, subject] = owner.split(':') as [Principal['kind'], string];
  return { kind, subject, scopes: ['market:refresh'] };
};

/** The room over HTTP on a database of its own; jobs are done when a test says so. */
export const startRoom = async (
  t: ExecutionContext,
  { allowHttp = true, privateAddresses = true, maxPerOwner = 3, maxTestsPerOwner = 100, timeoutMs = 500 } = {},
): Promise<Room> => {
  const stored = await setupDatabase(t);
  const metrics = recordMetrics();
  const lines: LogFields[] = [];
  const keep = (fields: LogFields, message: string): void => void lines.push({ ...fields, message });
  const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep };
  const database = await createDatabase({ ...databaseSettings(stored.url), entities, metrics });
  t.teardown(() => database.close());
  let seconds = 0;
  const clock = { now: () => new Date(Date.now() + seconds * 1_000), monotonic: () => performance.now() };
  const { unitOfWork, reader } = database;
  const audit = createAuditTrail({ clock, metrics, ids: uuidv7 });
  const secrets = createWebhookSecrets({ key: 'test key of webhooks' });
  const queued: Room['queued'] = [];
  const abuse = recordAbuse();
  const jobs = {
    isOpen: () => room.queuesOpen,
    enqueue: async (_transaction: unknown, queue: JobQueue, { data }: { readonly data: JobData }) => {
      queued.push({ queue, data });
      return true;
    },
    lacksJob: () => 'true',
    enqueueAll: async (_transaction: unknown, queue: JobQueue, added: readonly { readonly data: JobData }[]) => {
      for (const { data } of added) queued.push({ queue, data });
      await room.beforeEnqueued();
      return added.length;
    },
  };
  const outbox = createOutbox({ unitOfWork, reader, jobs, clock, ids: uuidv7, abuse, logger });
  const owners = ownersOf({ reader });
  const webhooks = createWebhooks({
    unitOfWork,
    reader,
    audit,
    owners,
    secrets,
    outbox,
    clock,
    ids: uuidv7,
    rotationMs,
    maxPerOwner,
    maxTestsPerOwner,
    abuse,
  });
  const deliver = createDelivery({
    unitOfWork,
    reader,
    audit,
    secrets,
    send: createSend({ timeoutMs, privateAddresses }),
    owners,
    abuse,
    disableAfter: 2,
    rotationMs,
    userAgent: 'volwatch/test',
    clock,
    metrics,
    logger,
  });
  const cursors = createCursors({ secret: 'test secret of cursors' });
  const { call } = await serve(t, {
    limits: { bodyLimitBytes: 8_192 },
    routes: createWebhookRoutes({ webhooks, cursors, basePath: '/api/v1', allowHttp, privateAddresses }),
    authenticate: async ({ headers }) => {
      const owner = headers['x-owner'];
      if (typeof owner !== 'string') throw new AppError('credentials_missing');
      return principalOf(owner);
    },
  });
  const live = AbortSignal.timeout(60_000);
  const room: Room = {
    stored,
    database,
    metrics,
    lines,
    refusals: abuse.kinds,
    outbox,
    credentials: composeCredentialAdmin({ unitOfWork, reader, audit, clock }),
    queued,
    queuesOpen: true,
    beforeEnqueued: async () => {},
    advance: (more) => (seconds += more),
    call: async (method, path, owner = 'client:desk', body) => {
      const response = await call(`/api/v1${path}`, {
        method,
        headers: { ...(owner !== '' && { 'X-Owner': owner }), 'Content-Type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
      };
    },
    announce: (event) =>
      unitOfWork.run({ operation: 'refresh.finish' }, (transaction) => outbox.announce(transaction, event)),
    work: async ({ last = false } = {}) => {
      const codes: string[] = [];
      for (let job = queued.shift(); job; job = queued.shift()) {
        const handle = job.queue === 'webhook_event' ? outbox.handleEvent : deliver;
        await handle(job.data, live, { last }).catch((error: unknown) => {
          codes.push(error instanceof AppError ? error.code : String(error));
        });
      }
      return codes;
    },
  };
  return room;
};

export const registered = async (
  room: Room,
  url: string,
  { events = ['refresh.succeeded'], owner = 'client:desk' }: { events?: readonly string[]; owner?: string } = {},
) => {
  const { body } = await room.call('POST', '/webhooks', owner, { url, events });
  return { id: String(body['id']), secret: String(body['secret']), body };
};

/** A user with an account. @returns `user:ID` */
export const newUser = async ({ stored }: Room): Promise<string> => {
  const [user] = await stored.query(
    `insert into user_account (id, email, password_hash, role, scopes, created_at)
     values (gen_random_uuid(), gen_random_uuid() || '@example.org', 'x', 'user', '{market:refresh}', now()) returning id`,
  );
  return `user:${String(user?.['id'])}`;
};

export const refreshed = { type: 'refresh.succeeded', data: { id: 'refresh-1', universe: 'tech5' } } as const;

export const auditActions = async ({ stored }: Room): Promise<string[]> =>
  (await stored.query('select action from audit_event order by id')).map((row) => String(row['action']));
