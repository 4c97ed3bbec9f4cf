import { call, clearFault, json, option, price, refresh, setFault } from '#testkit/running-service.ts';
import { dayMs, utcDay } from '#src/kernel/calendar.ts';
import type { LogLine } from '#testkit/service.ts';
import { lockedTable } from './around/locked-table.ts';
import { traceOf, type Scenario } from './around/scenario.ts';
import { scenariosAround } from './around/scenarios-around.ts';
import { scenariosBurn } from './around/scenarios-burn.ts';
import { askForReset, steadily, syncCalendar, testWebhook, uncachedRead, uploadTo } from './traffic.ts';
import type { Stack } from './stack.ts';

const nothing = (): void => {};
const isDatabaseFault = ({ code }: LogLine): boolean => String(code).startsWith('database_');

/** A batch with too many rows for the event loop. */
const largeBatch = { options: Array.from({ length: 20_000 }, () => option) };

/** Sends many reads and returns the trace id of the first one that got no connection. */
const manyReads = async (stack: Stack): Promise<string | undefined> => {
  const answers = await steadily(24, () => uncachedRead(stack));
  const refused = answers.find(({ body }) => body['code'] === 'database_pool_exhausted');
  return refused && traceOf(refused);
};
const slowDatabase = {
  inject: ({ database, replica }: Stack) => [database, replica].forEach((proxy) => proxy.latency(200)),
  end: ({ database, replica }: Stack) => [database, replica].forEach((proxy) => proxy.latency(0)),
};

/**
 * Multiplies the newest bar of one asset by ten; the service asks for bars in ascending order. An answer without this asset,
 * for another universe, stays as it is.
 */
const tenfold = (body: Record<string, unknown>): Record<string, unknown> => {
  const bar = (body['MSFT'] as { values: Record<string, string>[] } | undefined)?.values.at(-1);
  if (bar === undefined) return body;
  for (const name of ['open', 'high', 'low', 'close']) bar[name] = String(Number(bar[name]) * 10);
  return body;
};

const refusedUpload = async (stack: Stack, token: string): Promise<string | undefined> =>
  traceOf(await uploadTo(stack, token, 'mistyped', 'UNKNOWN,2024-01-02,100'));

const day = (daysAgo: number): string => utcDay(new Date(Date.now() - daysAgo * dayMs));
const daysAgo = (from: number, to: number): number[] => Array.from({ length: from - to + 1 }, (_, at) => from - at);
const barsOf = (symbol: string, days: readonly number[]): string =>
  days.map((each) => `${symbol},${day(each)},100`).join('\n');
/** Two weeks in which four days in a row have no bar. At least one of them is a trading day. */
const withGap = daysAgo(16, 1).filter((each) => each < 8 || each > 11);

/** JSON that is deeper than JSON_DEPTH_LIMIT. */
const deepJson = '['.repeat(200) + ']'.repeat(200);

export const scenarios: readonly Scenario[] = [
  {
    alert: 'ServerErrorsByRoute',
    fault: 'the pricing engine throws internal_error',
    inject: ({ service }) => setFault(service, 'pricing.engine', { mode: 'error', error_code: 'internal_error' }),
    meet: async ({ service }) => traceOf(await price(service)),
    log: ({ code }) => code === 'internal_error',
    end: ({ service }) => clearFault(service, 'pricing.engine'),
  },
  {
    alert: 'WorkersRestarting',
    fault: 'the processes that price batches end',
    inject: ({ service }) => setFault(service, 'pricing.worker', { mode: 'crash' }),
    meet: async ({ service }) => traceOf(await call(`${service.url}/api/v1/pricing/batch`, json(largeBatch))),
    log: ({ code }) => code === 'internal_error',
    end: ({ service }) => clearFault(service, 'pricing.worker'),
  },
  {
    alert: 'AbusePersists',
    fault: 'a client sends JSON of 200 levels',
    inject: nothing,
    meet: async ({ service }) =>
      traceOf(
        await call(`${service.url}/api/v1/pricing/price`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: deepJson,
        }),
      ),
    log: ({ code }) => code === 'malformed_body',
    end: nothing,
  },
  {
    alert: 'InvalidRequestsByRoute',
    fault: 'a client sends a spot below zero',
    inject: nothing,
    meet: async ({ service }) =>
      traceOf(await call(`${service.url}/api/v1/pricing/greeks`, json({ ...option, spot: -1 }))),
    log: ({ code }) => code === 'validation_failed',
    end: nothing,
    recover: ({ service }) => call(`${service.url}/api/v1/pricing/greeks`, json(option)),
  },
  {
    alert: 'RollbackRate',
    fault: 'the commit of refreshes fails',
    inject: ({ service }) => setFault(service, 'refresh.commit', { mode: 'error' }),
    meet: async ({ service }, token) => traceOf(await refresh(service, token, 'tech5')),
    end: ({ service }) => clearFault(service, 'refresh.commit'),
  },
  {
    alert: 'JobsDying',
    fault: 'a scheduled refresh fails, without a second attempt',
    inject: async ({ service, sql }) => {
      await setFault(service, 'refresh.commit', { mode: 'error' });
      await sql(
        `insert into pgboss.job (name, retry_limit, data) values ('refresh', 0, '{"universe":"tech5","trigger":"schedule"}')`,
      );
    },
    log: ({ message }) => message === 'a job was given up',
    end: ({ service }) => clearFault(service, 'refresh.commit'),
  },
  {
    alert: 'WebhookDeliveriesFailing',
    fault: 'the receiver of a webhook answers 500',
    inject: ({ receiver }) => void (receiver.fault = 500),
    meet: async (stack, token) => traceOf(await testWebhook(stack, token)),
    log: ({ message }) => message === 'a webhook was not delivered',
    end: ({ receiver }) => void (receiver.fault = undefined),
    recover: testWebhook,
  },
  {
    alert: 'MailNotDelivered',
    fault: 'the SMTP server asks to come back later',
    inject: ({ smtp }) => void (smtp.fault = 451),
    meet: async (stack) => traceOf(await askForReset(stack)),
    log: ({ message }) => message === 'a message was not sent',
    end: ({ smtp }) => void (smtp.fault = undefined),
    recover: askForReset,
  },
  {
    alert: 'PricesQuarantined',
    fault: 'the market data provider has one price ten times too high',
    inject: ({ provider }) => void (provider.fault = { kind: 'change', change: tenfold }),
    meet: async ({ service }, token) => traceOf(await refresh(service, token, 'tech5')),
    log: ({ message }) => String(message).startsWith('prices that are not believed'),
    end: ({ provider }) => void (provider.fault = undefined),
    recover: ({ service }, token) => refresh(service, token, 'tech5'),
  },
  {
    alert: 'AssetsStale',
    fault: 'the last bar of the only asset of a universe is of 2024',
    inject: nothing,
    meet: async (stack, token) => traceOf(await uploadTo(stack, token, 'ended', 'ENDED,2024-01-02,100', 'XNYS')),
    end: nothing,
    recover: ({ service }, token) =>
      call(`${service.url}/api/v1/universes/ended`, {
        method: 'DELETE',
        headers: { Authorization: `Bearer ${token}` },
      }),
  },
  {
    alert: 'BarsMissing',
    fault: 'a file has no bars of four days in a row',
    inject: nothing,
    meet: async (stack, token) => traceOf(await uploadTo(stack, token, 'holes', barsOf('HOLES', withGap), 'XNYS')),
    end: nothing,
    recover: (stack, token) => uploadTo(stack, token, 'holes', barsOf('HOLES', daysAgo(16, 1)), 'XNYS'),
  },
  {
    alert: 'UploadsFailing',
    fault: 'the files of a universe name a symbol that it does not have',
    inject: nothing,
    meet: refusedUpload,
    log: ({ code }) => code === 'upload_refused',
    end: nothing,
    recover: (stack, token) => uploadTo(stack, token, 'mistyped', 'MISTYPED,2024-01-02,100'),
  },
  {
    alert: 'BreakerOpen',
    fault: 'the market data provider answers 500',
    inject: ({ provider }) => void (provider.fault = { kind: 'status', status: 500 }),
    meet: async ({ service }, token) => traceOf(await refresh(service, token, 'tech5')),
    end: ({ provider }) => void (provider.fault = undefined),
    recover: ({ service }, token) => refresh(service, token, 'tech5'),
  },
  {
    alert: 'PoolSaturated',
    fault: '24 reads at once over a network with 200 ms of latency, 4 connections',
    ...slowDatabase,
    meet: manyReads,
    log: ({ code }) => code === 'database_pool_exhausted',
  },
  {
    alert: 'PoolRequestsWaiting',
    fault: 'the same',
    ...slowDatabase,
    meet: manyReads,
    log: ({ code }) => code === 'database_pool_exhausted',
  },
  lockedTable(),
  {
    alert: 'PostgresDown',
    fault: 'the connections to PostgreSQL and its replica are cut',
    inject: ({ database, replica }) => [database, replica].forEach((proxy) => proxy.cut()),
    meet: async (stack) => traceOf(await uncachedRead(stack)),
    log: isDatabaseFault,
    end: ({ database, replica }) => [database, replica].forEach((proxy) => proxy.restore()),
  },
  {
    alert: 'ReplicaDown',
    fault: 'the connection to the replica is cut',
    inject: ({ replica }) => replica.cut(),
    end: ({ replica }) => replica.restore(),
  },
  {
    alert: 'RedisDown',
    fault: 'Redis is killed',
    inject: ({ redis }) => redis.stop(),
    log: ({ message }) => message === 'redis is lost: limits and caches fall back to the process',
    end: ({ redis }) => redis.start(),
  },
  {
    alert: 'RedisUseFailing',
    fault: 'the user of the service loses the permission for EVALSHA',
    inject: async ({ redis }) => void (await redis.admin.call('ACL', 'SETUSER', 'default', '-evalsha')),
    log: ({ message, use, reason }) =>
      message === 'redis does not carry out a command: rate limits are counted in this process' &&
      use === 'limits' &&
      reason === 'noperm',
    end: async ({ redis }) => void (await redis.admin.call('ACL', 'SETUSER', 'default', '+evalsha')),
  },
  {
    alert: 'JobQueuesFailing',
    fault: 'the schema of the job queues is renamed',
    inject: async ({ sql }) => void (await sql('alter schema pgboss rename to pgboss_away')),
    log: ({ message, code }) =>
      message === 'a statement of the job queue failed' && code === 'database_schema_outdated',
    end: async ({ sql }) => void (await sql('alter schema pgboss_away rename to pgboss')),
  },
  {
    alert: 'LimiterFellBackToMemory',
    fault: 'Redis hangs',
    inject: ({ redis }) => redis.hang(),
    log: ({ message }) => message === 'redis is lost: limits and caches fall back to the process',
    end: ({ redis }) => redis.wake(),
  },
  {
    alert: 'CalendarSyncsFailing',
    fault: 'Google answers 500',
    inject: ({ google }) => void (google.faults = { events: { kind: 'status', status: 500 } }),
    meet: async (stack, token) => traceOf(await syncCalendar(stack, token)),
    log: ({ code, message }) => code === 'external_api_bad_response' && message === 'a calendar sync ended',
    end: ({ google }) => void (google.faults = {}),
    recover: async (stack, token) => {
      for (let synced = 0; synced < 4; synced += 1) await syncCalendar(stack, token);
    },
  },
  {
    alert: 'TelemetryDropped',
    fault: 'the Collector is gone',
    inject: ({ exporterPath }) => exporterPath.cut(),
    meet: async ({ service }) => traceOf(await price(service)),
    spanLost: true,
    end: ({ exporterPath }) => exporterPath.restore(),
  },
  {
    alert: 'RefreshStale',
    fault: 'no refresh for 20 s, which stand for 36 h',
    isSilent: true,
    inject: nothing,
    end: nothing,
    recover: async ({ service }, token) => {
      for (const universe of ['tech5', 'sp500']) await refresh(service, token, universe);
    },
  },
  ...scenariosAround,
  ...scenariosBurn,
  {
    alert: 'InstanceDown',
    fault: 'the process is stopped (SIGSTOP)',
    inject: ({ service }) => void service.process.kill('SIGSTOP'),
    end: ({ service }) => void service.process.kill('SIGCONT'),
  },
];
