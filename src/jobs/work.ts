import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { JobWithMetadata } from 'pg-boss';
import { codeOf, errorTable } from '#src/kernel/catalogue/errors.ts';
import { standInOf, type JobHandler, type JobQueue } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { findWaitingSql, putBackSql, renewTurnSql, startTurnSql, turnCost, turnsOf } from './turns.ts';
import { contextOfTraceparent } from '#src/kernel/requests/trace-parent.ts';

/**
 * Runs one statement, or several without parameters, on a pooled connection. The values of rows are those of `Query`.
 */
export type Execute = (text: string, parameters?: readonly unknown[]) => Promise<{ readonly rows: unknown[] }>;

type WorkDeps = {
  readonly execute: Execute;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly retries: (queue: JobQueue) => number;
  /** Log level for a job that fails after all retries. */
  readonly finalFailureLevel: (queue: JobQueue) => 'warn' | 'error';
  readonly stopping: AbortSignal;
};

/**
 * Runs one job in a span of the trace that enqueued it, and counts the outcome.
 * @returns whether the worker must wait for its next poll before it takes another job
 * @throws Error with an error code as its message, if the handler fails
 */
export const createWork =
  ({ execute, metrics, logger, retries, finalFailureLevel, stopping }: WorkDeps) =>
  async (queue: JobQueue, handle: JobHandler, job: JobWithMetadata<Record<string, string>>): Promise<boolean> => {
    // Jobs of earlier releases can hold `tracestate` and `baggage` too.
    const { traceparent, tracestate: _, baggage: __, [turnsOf]: ___, [turnCost]: ____, ...data } = job.data;
    const last = job.retryCount >= retries(queue);
    /** Whether a job waits that begins after all changes that this one was added for. Then this one need not wait again. */
    const isReplaced = async (): Promise<boolean> => {
      const beginning = standInOf(job.singletonKey);
      return beginning !== undefined && (await execute(findWaitingSql, [queue, beginning])).rows.length > 0;
    };
    const parent = contextOfTraceparent(traceparent);
    const span = trace.getTracer('volwatch.jobs').startSpan(
      `job ${queue}`,
      {
        kind: SpanKind.CONSUMER,
        attributes: { 'messaging.destination.name': queue, 'volwatch.job.attempt': job.retryCount + 1 },
      },
      parent,
    );
    try {
      if (job.priority < 0) await execute(startTurnSql, [queue, -job.priority]);
      const end = await context.with(trace.setSpan(parent, span), () =>
        handle(data, AbortSignal.any([job.signal, stopping]), { last }),
      );
      if (end && !(await isReplaced())) {
        await execute(putBackSql, [queue, job.id, end.putBackSeconds]);
        span.setAttribute('volwatch.job.put_back_seconds', end.putBackSeconds);
      }
      metrics.count('volwatch_jobs_total', { queue, outcome: end ? 'put_back' : 'ok' });
      return end?.rests ?? false;
    } catch (error) {
      const code = codeOf(error);
      metrics.count('volwatch_jobs_total', { queue, outcome: last ? 'dead' : 'failed' });
      span.setAttribute('error.type', code);
      if (errorTable[code].status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      const fields = { queue, job_id: job.id, attempt: job.retryCount + 1, code, err: error };
      if (last) logger[finalFailureLevel(queue)](fields, 'a job was given up');
      else {
        logger.warn(fields, 'a job failed and will be tried again');
        // With its old turn the retry would come before the first jobs of other groups. Without a new one it is only unfair.
        if (job.priority < 0) await execute(renewTurnSql, [queue, job.id]).catch(() => {});
        if (await isReplaced().catch(() => false)) {
          metrics.count('volwatch_jobs_total', { queue, outcome: 'replaced' });
          return false;
        }
      }
      // pg-boss stores the message of the error. The message must be the code, because other texts can contain private
      // data.
      throw Object.assign(new Error(code), { stack: undefined });
    } finally {
      span.end();
    }
  };
