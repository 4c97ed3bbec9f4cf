import { metric, scrape } from '#testkit/running-service.ts';
import type { Scenario } from '../around/scenario.ts';
import type { Stack } from '../stack.ts';

/** What the commands of a runbook must show during the fault. */
export type Expected = {
  /** A healthy service shows none of these. */
  readonly shows: readonly RegExp[];
  /** What the commands show in every state. It tells that they work, and nothing about the fault. */
  readonly answers?: readonly RegExp[];
  /** Why the commands do not show the fault. Only without `shows`. */
  readonly note?: string;
  /** What stands for NAME in the commands. */
  readonly name?: string;
  /** A step of the page that needs what the commands have shown. It must end the fault. */
  readonly remedy?: {
    readonly command: (output: string) => string;
    readonly isOver: (stack: Stack) => Promise<boolean>;
  };
};

/** The name of a scenario in `expected`. */
export const keyOf = ({ alert, variant }: Pick<Scenario, 'alert' | 'variant'>): string =>
  variant === undefined ? alert : `${alert}: ${variant}`;

const memory = /backend="memory"\S* [1-9]/;
const down = (dependency: string): RegExp => new RegExp(`"${dependency}":\\{[^}]*"status":"down"`);
/** The pool has DATABASE_POOL_MAX connections, and requests wait for one. */
const full = [
  /db_client_connection_count\{pool="primary",state="used"\} 4/,
  /db_client_connection_pending_requests\{pool="primary"\} [1-9]/,
];

const pool = { pool: 'primary' };
const isNobodyWaiting = async ({ service }: Stack): Promise<boolean> =>
  metric(await scrape(service), 'db_client_connection_pending_requests', pool) === 0;

/** curl has no connection to the proxy. */
const noProxy = /^000 \d/m;

/** By alert, and by variant where an alert has several causes. Runbooks without commands have none. */
export const expected: Readonly<Record<string, Expected>> = {
  WorkersRestarting: { shows: [/volwatch_workers_restarts_total\S* [1-9]/] },
  AbusePersists: {
    shows: [],
    answers: [/"data":\[/],
    note: 'the command answers, and lists no address, because the rate limits refuse none in this fault',
  },
  RollbackRate: { shows: [/"data":\[\{"point":"refresh\.commit"/] },
  JobsDying: { shows: [/volwatch_jobs_total\{[^}]*outcome="dead"[^}]*\} [1-9]/] },
  WebhookDeliveriesFailing: { shows: [/\| +500 \|/] },
  MailNotDelivered: { shows: [/\| external_api_\w+ +\|/] },
  PricesQuarantined: { shows: [/"symbol":"MSFT"/] },
  AssetsStale: { shows: [/ENDED +\| 2024-01-02/], name: 'ended' },
  BarsMissing: { shows: [/"recent": [1-9]/], name: 'holes' },
  UploadsFailing: { shows: [/upload_refused/] },
  BreakerOpen: { shows: [/circuit_breaker_state\{[^}]*\} [12]/] },
  PoolSaturated: { shows: full },
  PoolRequestsWaiting: {
    shows: [...full, /db_client_connection_timeouts_total\{[^}]*\} [1-9]/],
    // No session holds a lock in this fault. The transactions have at least the one of the query.
    answers: [/blocker[^]*\n\(0 rows\)/, /wait_event_type[^]*^\s*\d+ \|/m],
  },
  'PoolRequestsWaiting: locked table': {
    shows: [...full, /^ +\d+ \| by_hand +\| idle in transaction \|.*\| +[1-9]\d* \| lock table webhook/m],
    remedy: {
      // The session that blocks most is the first row.
      command: (output) =>
        `psql "$DATABASE_URL" -c "select pg_terminate_backend(${/^ +(\d+) \| by_hand/m.exec(output)?.[1] ?? 0})"`,
      isOver: isNobodyWaiting,
    },
  },
  // Through the proxy, which must not leave out all instances.
  PostgresDown: { shows: [down('postgres')], answers: [/^200$/m] },
  ReplicaDown: { shows: [/volwatch_replica_up\{[^}]*\} 0/], answers: [/\| streaming \| +\d/] },
  RedisDown: { shows: [down('redis'), memory] },
  RedisUseFailing: { shows: [/^evalsha$/im], answers: [/role:master/] },
  JobQueuesFailing: { shows: [/volwatch_jobs_up 0$/m, /jobs\s*\n[-+]+\n\(0 rows\)/] },
  LimiterFellBackToMemory: { shows: [memory] },
  TelemetryDropped: {
    shows: [/signal="traces",reason="export_failed"\S* [1-9]|reason="export_failed",signal="traces"\S* [1-9]/],
  },
  RefreshStale: {
    shows: [],
    answers: [/"status":"succeeded"/],
    note: 'the remedy is shown: the commands request a refresh, and it succeeds',
  },
  ProbeFailing: { shows: [noProxy], answers: [/^200$/m] },
  TrafficStopped: { shows: [noProxy] },
  TargetDown: { shows: [/"lastError":"[^\n]*connection refused"/] },
  AlertsNotDelivered: { shows: [/"alertname":"TargetDown"/] },
  CollectorLosesSpans: { shows: [/"__name__":"otelcol_exporter_queue_size"[^}]*\},"value":\[[\d.]+,"[1-9]/] },
  Watchdog: { shows: [/"state":"active"/], answers: [/^200\n200$/m] },
  ReachabilityBudgetBurn: { shows: [noProxy], answers: [/^200$/m] },
  InstanceDown: { shows: [/^000$/m] },
};
