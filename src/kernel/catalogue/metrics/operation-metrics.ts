import { cacheNames } from '../../ports/cache.ts';
import { faultModes, faultPoints } from '../faults.ts';
import { memoryHolders, memoryReleases } from '../memory.ts';
import { dependencies } from '../../ports/health.ts';
import { jobQueues } from '../../ports/jobs.ts';
import { redisModes, redisReasons, redisUses } from '../../ports/redis.ts';
import { webhookOutcomes } from '../../ports/webhooks.ts';
import { longDurationBuckets, type MetricDeclaration } from './declaration.ts';

/** Dependencies, caches, jobs, webhooks, memory, telemetry and the build. */
export const operationMetrics = {
  volwatch_dependency_up: {
    type: 'gauge',
    help: '1 while the dependency answers its health check',
    labels: { dependency: dependencies },
  },
  volwatch_redis_mode: {
    type: 'gauge',
    help: '1 for the way in which Redis is connected; none: it is not configured',
    labels: { mode: redisModes },
  },
  volwatch_redis_use_up: {
    type: 'gauge',
    help: '1 while Redis carries out the commands of a use; 0: the fall-back of the use replaces it',
    labels: { use: redisUses },
  },
  volwatch_redis_failures_total: {
    type: 'counter',
    help: 'Commands that failed, probes included, by use and kind of reply; timeout and not_connected: no reply',
    labels: { use: redisUses, reason: redisReasons },
  },
  volwatch_circuit_breaker_state: {
    type: 'gauge',
    help: '0 closed, 1 half-open, 2 open',
    labels: { dependency: dependencies },
  },
  volwatch_dependency_request_duration_seconds: {
    type: 'histogram',
    help: 'Duration of requests to a dependency in seconds; rejected: not sent',
    labels: { dependency: dependencies, outcome: ['ok', 'error', 'timeout', 'rejected'] },
  },
  volwatch_retries_total: {
    type: 'counter',
    help: 'Requests to a dependency that were sent again',
    labels: { dependency: dependencies },
  },
  volwatch_cache_requests_total: {
    type: 'counter',
    help: 'Reads through a cache; stale: answered with an expired value; error: loaded because the cache failed',
    labels: { cache: cacheNames, outcome: ['hit', 'miss', 'stale', 'error'] },
  },
  volwatch_cache_stale_age_seconds: {
    type: 'histogram',
    help: 'Age of what was answered past its time, in seconds',
    labels: { cache: cacheNames },
    buckets: [1, 5, 10, 30, 60, 300, 600, 3_600, 86_400],
  },
  volwatch_cache_shared_bytes: {
    type: 'gauge',
    help: 'Bytes of the entries in Redis, as they were after the last writes of the instance',
    labels: { cache: cacheNames },
  },
  volwatch_cache_evicted_total: {
    type: 'counter',
    help: 'Entries in Redis that made room for newer ones',
    labels: { cache: cacheNames },
  },
  volwatch_faults_injected_total: {
    type: 'counter',
    help: 'Injected faults that had an effect',
    labels: { point: faultPoints, mode: faultModes },
  },
  volwatch_telemetry_dropped_total: {
    type: 'counter',
    help: 'Spans, data points of metrics and log lines dropped before export',
    labels: {
      signal: ['traces', 'metrics', 'logs'],
      reason: ['queue_full', 'export_failed', 'write_failed', 'shutdown'],
    },
  },
  volwatch_metrics_late_collections_total: {
    type: 'counter',
    help: 'Scrapes and exports of metrics that did not wait for all gauges, because a source did not answer in time',
    labels: {},
  },
  volwatch_jobs_total: {
    type: 'counter',
    help: 'Attempts at jobs: ok, put back because of other work, failed and to be tried again, or given up; beside them replaced: jobs that had failed and made room for the job of a later change',
    labels: { queue: jobQueues, outcome: ['ok', 'put_back', 'failed', 'dead', 'replaced'] },
  },
  volwatch_jobs_queue_size: {
    type: 'gauge',
    help: 'Jobs by queue and state',
    labels: { queue: jobQueues, state: ['waiting', 'active'] },
  },
  volwatch_jobs_up: {
    type: 'gauge',
    help: '1 while the job queues are open and their statements succeed',
    labels: {},
  },
  volwatch_webhook_deliveries_total: {
    type: 'counter',
    help: 'Attempts at webhook deliveries: delivered, failed and to be tried again, given up, or answered with 410',
    labels: { outcome: webhookOutcomes },
  },
  volwatch_webhook_delivery_duration_seconds: {
    type: 'histogram',
    help: 'Duration of attempts at webhook deliveries in seconds',
    labels: { outcome: webhookOutcomes },
    buckets: longDurationBuckets,
  },
  volwatch_request_memory_bytes: {
    type: 'gauge',
    help: 'Bytes that requests hold, by what holds them. unfinished_answers: they arrive from pricing processes or are read from the database',
    labels: { holder: memoryHolders },
  },
  volwatch_memory_release_seconds_total: {
    type: 'counter',
    help: 'Seconds for which the service collected garbage or gave free pages back by itself, beside the collections of V8',
    labels: { action: memoryReleases },
  },
  volwatch_build_info: {
    type: 'gauge',
    help: '1, with the build in its labels',
    labels: { version: 'service', commit: 'service', node_version: 'service' },
  },
  target_info: {
    type: 'gauge',
    help: '1, with the names of service and process that spans and log lines have',
    labels: { service_name: 'service', service_instance_id: 'service' },
  },
} as const satisfies Record<string, MetricDeclaration>;
