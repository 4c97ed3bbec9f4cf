/** What the commands of a runbook must show during the fault. */
export type Expected = {
  readonly shows: readonly RegExp[];
  /** What stands for NAME in the commands. */
  readonly name?: string;
  /** The fault is that nothing happens, so the log query finds what happened before. */
  readonly isSilent?: true;
};

const memory = /backend="memory"\S* [1-9]/;
const down = (dependency: string): RegExp => new RegExp(`"${dependency}":\\{[^}]*"status":"down"`);

/** By alert. Runbooks without commands have none. */
export const expected: Readonly<Record<string, Expected>> = {
  WorkersRestarting: { shows: [/volwatch_workers_restarts_total\S* [1-9]/] },
  AbusePersists: { shows: [/"data":\[/] },
  RollbackRate: { shows: [/refresh\.commit/] },
  JobsDying: { shows: [/volwatch_jobs_total\{[^}]*outcome="dead"[^}]*\} [1-9]/] },
  WebhookDeliveriesFailing: { shows: [/\| +500 \|/] },
  MailNotDelivered: { shows: [/external_api_\w+/] },
  PricesQuarantined: { shows: [/"symbol":"MSFT"/] },
  AssetsStale: { shows: [/ENDED +\| 2024-01-02/], name: 'ended' },
  BarsMissing: { shows: [/"recent": [1-9]/], name: 'holes' },
  UploadsFailing: { shows: [/upload_refused/] },
  BreakerOpen: { shows: [/circuit_breaker_state\{[^}]*\} [12]/] },
  PoolSaturated: { shows: [/db_client_connection_count\{[^}]*state="used"[^}]*\} [1-9]/] },
  PoolRequestsWaiting: { shows: [/db_client_connection_timeouts_total\{[^}]*\} [1-9]/, /blocker/, /wait_event_type/] },
  PostgresDown: { shows: [down('postgres')] },
  ReplicaDown: { shows: [/volwatch_replica_up\{[^}]*\} 0/, /streaming/] },
  RedisDown: { shows: [down('redis'), memory] },
  RedisUseFailing: { shows: [/evalsha/i, /role:master/] },
  LimiterFellBackToMemory: { shows: [memory] },
  TelemetryDropped: {
    shows: [/signal="traces",reason="export_failed"\S* [1-9]|reason="export_failed",signal="traces"\S* [1-9]/],
  },
  RefreshStale: { shows: [/"status":"succeeded"/], isSilent: true },
  InstanceDown: { shows: [/^000$/m] },
};
