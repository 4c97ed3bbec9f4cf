const health =
  '{"status":"ok","dependencies":{"postgres":{"status":"up","latency_ms":1.88},"redis":{"status":"up","latency_ms":0.86}}}';
const limits = `volwatch_rate_limit_decisions_total{policy="ip",subject="ip",outcome="allowed",backend="redis"} 113
volwatch_rate_limit_decisions_total{policy="ip",subject="ip",outcome="allowed",backend="memory"} 0`;
const pool = `db_client_connection_count{pool="primary",state="idle"} 4
db_client_connection_count{pool="primary",state="used"} 0
db_client_connection_count{pool="replica_1",state="used"} 2
db_client_connection_max{pool="primary"} 4
db_client_connection_pending_requests{pool="primary"} 0
db_client_connection_pending_requests{pool="replica_1"} 0
db_client_connection_timeouts_total{pool="primary"} 0
db_client_connection_timeouts_total{pool="replica_1"} 0`;

/** What the commands of each runbook print for a healthy service without waiting requests: the lines that matter. */
export const healthyOutputs: Readonly<Record<string, string>> = {
  WorkersRestarting: 'volwatch_workers_queue_size 0\nvolwatch_workers_busy 0\nvolwatch_workers_restarts_total 0',
  AbusePersists: '{"data":[]}',
  RollbackRate: '{"data":[],"points":["auth.verify","refresh.store_prices","refresh.commit","pricing.engine"]}',
  JobsDying: `volwatch_jobs_total{queue="quality",outcome="ok"} 2
volwatch_jobs_total{queue="quality",outcome="dead"} 0`,
  WebhookDeliveriesFailing: ` webhook_id | outcome | status_code | count 
------------+---------+-------------+-------
(0 rows)`,
  MailNotDelivered: ` kind | state | error_code | count | min 
------+-------+------------+-------+-----
 password_reset | sent |            |     1 | 2026-11-27 03:41:09.809+00
(1 row)`,
  PricesQuarantined: '{"data":[],"page":{"next_cursor":null,"limit":100}}',
  AssetsStale: `{"universe":"ended","assets":{"fresh":1,"stale":0,"missing":0},"first_date":"2024-01-02"}
 symbol |    max     
--------+------------
 ENDED  | 2026-11-26
(1 row)`,
  BarsMissing: '{\n "recent": 0,\n "older": 2,\n "newest": []\n}',
  UploadsFailing:
    '{"data":[{"universe":"tech5","status":"succeeded","reason":null,"errors":[],"errors_total":0,"source":"upload"}]}',
  BreakerOpen: `volwatch_circuit_breaker_state{dependency="twelve_data"} 0
volwatch_circuit_breaker_state{dependency="smtp"} 0
volwatch_retries_total{dependency="twelve_data"} 2`,
  PoolSaturated: pool,
  PoolRequestsWaiting: `${pool}
 blocker | application_name | state | age | blocked | query 
---------+------------------+-------+-----+---------+-------
(0 rows)

  pid  | application_name | state  | wait_event_type |   age    |          query
-------+------------------+--------+-----------------+----------+--------------------------
 14724 | psql             | active |                 | 00:00:00 | select pid, application_name
(1 row)`,
  'PoolRequestsWaiting: locked table': `${pool}
 blocker | application_name | state | age | blocked | query 
---------+------------------+-------+-----+---------+-------
(0 rows)`,
  PostgresDown: `${health}\n${pool}\n200`,
  ReplicaDown: `volwatch_replica_up{pool="replica_1"} 1
volwatch_replica_lag_seconds{pool="replica_1"} 0
volwatch_replica_fallbacks_total{pool="replica_1"} 2
 application_name |   state   | bytes_behind 
------------------+-----------+--------------
 walreceiver      | streaming |            0
(1 row)`,
  RedisDown: `${health}\n${limits}`,
  RedisUseFailing: `${health}\n\n\n# Replication\nrole:master\nconnected_slaves:0`,
  JobQueuesFailing: `${health}
volwatch_jobs_up 1
 nspname | may_use |    jobs    
---------+---------+------------
 pgboss  | t       | pgboss.job
(1 row)`,
  LimiterFellBackToMemory: limits,
  TelemetryDropped: `volwatch_telemetry_dropped_total{signal="traces",reason="queue_full"} 0
volwatch_telemetry_dropped_total{signal="traces",reason="export_failed"} 0
volwatch_telemetry_dropped_total{signal="logs",reason="export_failed"} 0`,
  RefreshStale: '{"universe":"tech5","trigger":"request","status":"succeeded","source":"provider"}',
  ProbeFailing: '200 0.004106\n200',
  TrafficStopped: '200 0.004106',
  TargetDown: '      8 "lastError":""',
  AlertsNotDelivered: '[{"labels":{"alertname":"Watchdog","severity":"none"},"status":{"state":"active"}}]',
  CollectorLosesSpans: '{"status":"success","data":{"resultType":"vector","result":[]}}',
  Watchdog: '200\n200\n[]',
  ReachabilityBudgetBurn: '200 0.004106\n200',
  InstanceDown: '200\nprocess_start_time_seconds 1795750816',
};
