/**
 * The rooms of src/ and the allowed imports of each. `npm run check` compares the code with this table, and the table
 * in docs/architecture.md is generated from it.
 */
type Room = {
  /** One line for docs/architecture.md; links are relative to docs/. */
  readonly holds: string;
  /** Other rooms, or `every room`. A room may always import itself. */
  readonly imports: readonly string[] | 'every room';
};

const kernelOnly = ['kernel'] as const;

export const rooms: Readonly<Record<string, Room>> = {
  'main.ts': {
    holds: 'loads the configuration, composes, listens, handles signals',
    imports: ['compose', 'config', 'kernel', 'banner.ts', 'helper-threads.ts'],
  },
  'banner.ts': { holds: 'the lines that the start prints on a laptop', imports: ['config'] },
  'helper-threads.ts': { holds: 'the priority of the threads beside the event loop', imports: [] },
  compose: { holds: 'the only place that constructs services and closes them in order', imports: 'every room' },
  config: {
    holds: 'the only reader of the environment: one schema, all faults at once, exit status 78',
    imports: kernelOnly,
  },
  kernel: {
    holds: 'the catalogues (errors, metrics, fault points, abuse kinds), the `Route` type, the ports',
    imports: [],
  },
  telemetry: {
    holds: 'the preload, metrics on an injected registry, the logger, redaction, fault points, the admin port',
    imports: ['kernel', 'config'],
  },
  database: {
    holds: 'MikroORM, unit of work, lock, pools, replicas, migrations, schema check',
    imports: kernelOnly,
  },
  'embedded-postgres': {
    holds: 'the PostgreSQL that runs beside the service on a laptop and in tests',
    imports: kernelOnly,
  },
  pricing: { holds: 'engines (pure), requests, batch formats, workers, forecasts, routes', imports: kernelOnly },
  'market-data': { holds: 'refreshes, providers, indexes, reads, routes', imports: kernelOnly },
  'pricing-jobs': { holds: 'pricing that takes longer than a request: chunks in, chunks out', imports: kernelOnly },
  webhooks: {
    holds: 'registered receivers, the outbox, signed deliveries; see [webhooks.md](webhooks.md)',
    imports: kernelOnly,
  },
  calendar: {
    holds: 'Google Calendar: consent, encrypted tokens, sync, events; see [calendar.md](calendar.md)',
    imports: kernelOnly,
  },
  jobs: { holds: "pg-boss queues on the service's own pool, schedules, workers", imports: kernelOnly },
  idempotency: { holds: 'keys and answers, stored beside the effects that they guard', imports: kernelOnly },
  auth: {
    holds: 'keys, tokens, clients, users, sessions, API keys, routes; see [auth.md](auth.md)',
    imports: kernelOnly,
  },
  mail: {
    holds: 'the outbox of e-mail, delivery over SMTP, the mailbox of development; see [mail.md](mail.md)',
    imports: kernelOnly,
  },
  accounts: { holds: 'profile and settings; see [accounts.md](accounts.md)', imports: kernelOnly },
  redis: {
    holds: 'the client, its uses, the cache, the shared credits, the feed between instances; see [redis.md](redis.md)',
    imports: kernelOnly,
  },
  resilience: {
    holds: 'one policy per dependency: timeout, retries with a budget, breaker, bulkhead',
    imports: kernelOnly,
  },
  'rate-limit': { holds: 'limits by subject and policy; see [edge.md](edge.md)', imports: kernelOnly },
  audit: {
    holds: 'the append-only trail, its verification and replay, routes; see [audit.md](audit.md)',
    imports: kernelOnly,
  },
  http: {
    holds: 'the Koa app: server, middleware, routing, problem documents, OpenAPI, pages, health',
    imports: kernelOnly,
  },
};

/** Folders outside src/ and their allowed imports. `src` stands for every room. */
export const folders: Readonly<Record<string, readonly string[]>> = {
  src: ['src', 'package.json'],
  testkit: ['src', 'testkit'],
  test: ['src', 'testkit', 'test', 'load', 'scripts'],
  load: ['src', 'testkit', 'load'],
  scripts: ['src', 'testkit', 'load', 'scripts', 'package.json'],
  // Programs that use generated clients as an outside caller does.
  tools: ['tools'],
  clients: ['clients'],
};
