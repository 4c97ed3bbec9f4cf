/**
 * `npm run bench:capacity [kinds|stores|model]`: the figures of docs/capacity.md. `kinds` saturates one service in production
 * mode with one kind of request after the other, and divides the processor time of each part by the requests. `stores` runs
 * redis-benchmark and pgbench on the same kinds of server. `model` compares a queueing model with 1, 2 and 3 services (needs
 * root, because it caps processes). SECONDS_EACH (4) is the number of rounds of a second, MODEL_SECONDS (12) that of a step of the
 * model.
 */
import { startOwnPostgres } from '#testkit/servers/own-postgres.ts';
import { startRedisServer } from '#testkit/servers/redis-server.ts';
import { eventually } from '#testkit/eventually.ts';
import { refresh, serve, takeToken } from '#testkit/running-service.ts';
import { type Scope } from '#testkit/scope.ts';
import { withScope } from '../../verify/scope.ts';
import { costOf, type Cost } from './costs.ts';
import { kindsOf } from './kinds.ts';
import { checkModel } from './model-check.ts';
import { measurePostgres, measureRedis } from './stores.ts';

const asked = process.argv[2];
const seconds = Number(process.env['SECONDS_EACH'] ?? 4);
const modelSeconds = Number(process.env['MODEL_SECONDS'] ?? 12);

const cells = (values: readonly string[]): void => console.log(`| ${values.join(' | ')} |`);
const figure = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(3);

const parts = async (scope: Scope) => {
  // With fsync, as in a deployment.
  const postgres = await startOwnPostgres(scope, { settings: { fsync: 'on' } });
  const redis = await startRedisServer(scope);
  const environment = {
    NODE_ENV: 'production',
    FAULT_INJECTION: 'false',
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    // Limits are counted, and refuse nothing.
    RATE_LIMIT_ENABLED: 'true',
    RATE_LIMIT_IP_PER_MINUTE: '100000000',
    RATE_LIMIT_USER_PER_MINUTE: '100000000',
    RATE_LIMIT_CLIENT_PER_MINUTE: '100000000',
    RATE_LIMIT_LOGIN_PER_MINUTE: '100000000',
    CREATIONS_PER_OWNER_PER_DAY: '1000000',
    REFRESHES_PER_OWNER_PER_DAY: '1000000',
    CALLER_SHARE_PERCENT: '100',
    PRICING_CALLER_LIMIT: '1000',
    PRICING_QUEUE_LIMIT: '1000',
  };
  return { postgres, redis, environment };
};

const kinds = async (scope: Scope): Promise<void> => {
  const { postgres, redis, environment } = await parts(scope);
  const service = await serve(scope, environment);
  await service.ready();
  const token = await takeToken(service);
  await eventually(
    async () => (await refresh(service, token, 'tech5')).status === 200,
    'tech5 is stored',
    60_000,
    1_000,
  );
  cells([
    'kind',
    'requests/s of a core',
    'by the clock',
    'p50, ms',
    'p99, ms',
    'main, ms',
    'pricing, ms',
    'PostgreSQL, ms',
    'Redis, ms',
    'transactions',
    'commands',
  ]);
  cells(['---', ...Array.from({ length: 10 }, () => '---:')]);
  for (const kind of await kindsOf(service)) {
    const cost: Cost = await costOf({ service, redis: redis.admin, databaseUrl: postgres.url }, kind, seconds);
    const { mainMs, pricingMs, postgresMs, redisMs, transactions, commands } = cost;
    const perCore = 1_000 / (mainMs + pricingMs);
    const shown = [
      perCore,
      cost.perSecond,
      cost.p50,
      cost.p99,
      mainMs,
      pricingMs,
      postgresMs,
      redisMs,
      transactions,
      commands,
    ];
    cells([cost.name, ...shown.map(figure)]);
  }
};

const stores = async (scope: Scope): Promise<void> => {
  const { postgres, redis } = await parts(scope);
  for (const [name, rate] of await measureRedis(redis.port, 50_000)) console.log(`Redis, ${name}: ${figure(rate)}/s`);
  for (const [name, rate] of await measurePostgres(postgres.url, seconds)) {
    console.log(`PostgreSQL, ${name}: ${figure(rate)}/s`);
  }
};

const model = async (scope: Scope): Promise<void> => {
  const { environment } = await parts(scope);
  const { service, rows } = await checkModel(scope, (more) => serve(scope, { ...environment, ...more }), modelSeconds);
  console.log(`service time ${figure(service.mean)} ms, variation ${figure(service.scv)}`);
  cells([
    'processes',
    'load of each',
    'arrivals/s',
    'requests',
    'mean by the model, ms',
    'measured, ms',
    'measured / model',
  ]);
  cells(Array.from({ length: 7 }, () => '---:'));
  for (const { processes, load, perSecond, requests, predictedMs, measuredMs } of rows) {
    cells([
      String(processes),
      load.toFixed(2),
      ...[perSecond, requests, predictedMs, measuredMs, measuredMs / predictedMs].map(figure),
    ]);
  }
};

const all = { kinds, stores, model };
await withScope(async (scope) => {
  for (const [name, measure] of Object.entries(all)) {
    if (asked === undefined || asked === name) await measure(scope);
  }
  return true;
});
