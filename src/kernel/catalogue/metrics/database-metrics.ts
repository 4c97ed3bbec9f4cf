import { auditActions, auditOutcomes } from '../../ports/audit.ts';
import { errorCodes } from '../errors.ts';
import { transactionOperations, transactionOutcomes } from '../../ports/unit-of-work.ts';
import { maintenanceOperations, namesOf } from '../operations.ts';
import { longDurationBuckets, type MetricDeclaration } from './declaration.ts';

const errorType = ['', ...errorCodes] as const;

/** PostgreSQL: statements, transactions, connections, replicas, tables, the audit trail. */
export const databaseMetrics = {
  db_client_operation_duration_seconds: {
    type: 'histogram',
    help: 'Duration of database client operations in seconds',
    labels: { db_operation_name: 'service', db_collection_name: 'service', error_type: errorType },
  },
  volwatch_db_transactions_total: {
    type: 'counter',
    help: 'Units of work by operation and outcome; reason is the error code of a rollback. refused: rolled back because the caller was refused',
    labels: { operation: transactionOperations, outcome: transactionOutcomes, reason: errorType },
  },
  volwatch_db_transaction_duration_seconds: {
    type: 'histogram',
    help: 'Duration of units of work in seconds',
    labels: { operation: transactionOperations, outcome: transactionOutcomes },
    buckets: longDurationBuckets,
  },
  volwatch_db_maintenance_duration_seconds: {
    type: 'histogram',
    help: 'Duration of migrations, checks of server and schema, and probes in seconds',
    labels: { operation: namesOf(maintenanceOperations), outcome: ['ok', 'failed'] },
    buckets: longDurationBuckets,
  },
  db_client_connection_count: {
    type: 'gauge',
    help: 'Database connections by state',
    labels: { state: ['idle', 'used'], pool: 'service' },
  },
  db_client_connection_max: {
    type: 'gauge',
    help: 'Largest number of database connections allowed',
    labels: { pool: 'service' },
  },
  db_client_connection_pending_requests: {
    type: 'gauge',
    help: 'Requests waiting for a database connection',
    labels: { pool: 'service' },
  },
  db_client_connection_timeouts_total: {
    type: 'counter',
    help: 'Requests that gave up waiting for a database connection',
    labels: { pool: 'service' },
  },
  volwatch_db_server_connections: {
    type: 'gauge',
    help: 'Connections of all programs to the PostgreSQL server, and the max number without those reserved for superusers',
    labels: { state: ['used', 'max'] },
  },
  db_client_connection_wait_time_seconds: {
    type: 'histogram',
    help: 'Time to obtain a database connection in seconds',
    labels: { pool: 'service' },
  },
  volwatch_audit_events_total: {
    type: 'counter',
    help: 'Audit events written by action and outcome',
    labels: { action: auditActions, outcome: auditOutcomes },
  },
  volwatch_operator_actions_total: {
    type: 'counter',
    help: 'Actions of operators since this instance started, read from the audit trail. Every instance counts all of them',
    labels: { action: auditActions },
  },
  volwatch_audit_refusals_omitted_total: {
    type: 'counter',
    help: 'Refusals that no audit event of their own was written for, because their stream had enough in that hour or their transaction failed',
    labels: {},
  },
  volwatch_audit_endings_omitted_total: {
    type: 'counter',
    help: 'Ends of own tokens that no audit event was written for, because their owner had enough in that day',
    labels: {},
  },
  volwatch_table_rows: {
    type: 'gauge',
    help: 'Rows of a table as PostgreSQL estimates them',
    labels: { table: 'service' },
  },
  volwatch_table_bytes: {
    type: 'gauge',
    help: 'Bytes of a table on disk, with its indexes and large values',
    labels: { table: 'service' },
  },
  volwatch_replica_up: {
    type: 'gauge',
    help: '1 while the replica is read from, 0 while it is left out',
    labels: { pool: 'service' },
  },
  volwatch_replica_lag_seconds: {
    type: 'gauge',
    help: 'How far the replica was behind when last looked at',
    labels: { pool: 'service' },
  },
  volwatch_database_clock_difference_seconds: {
    type: 'gauge',
    help: 'How far the clock of the process is ahead of that of PostgreSQL, when last looked at; negative if it is behind',
    labels: {},
  },
  volwatch_embedded_postgres_restarts_total: {
    type: 'counter',
    help: 'Attempts to start the embedded PostgreSQL again after it ended, by outcome',
    labels: { outcome: ['restarted', 'failed', 'given_up'] },
  },
  volwatch_replica_fallbacks_total: {
    type: 'counter',
    help: 'Reads that failed on a replica and were answered by the primary',
    labels: { pool: 'service' },
  },
} as const satisfies Record<string, MetricDeclaration>;
