import { once } from 'node:events';
import { INVALID_TRACEID, trace } from '@opentelemetry/api';
import { pino, type DestinationStream } from 'pino';
import type { LogFields, Logger } from '../../kernel/ports/logger.ts';
import { currentRequest } from '../../kernel/requests/request-context.ts';
import { redactText, redactValue } from './redaction.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export type LoggerDeps = {
  readonly level: LogLevel;
  /** Default: standard output, written without blocking the event loop. */
  readonly destination?: DestinationStream;
};

export type FlushableLogger = Logger & {
  /** Waits until what was logged is written, at most `timeoutMs`; false when it was not, because nobody reads. */
  readonly flush: (timeoutMs: number) => Promise<boolean>;
  /** Tells the listener of every line lost because whoever reads standard output does not keep up. */
  readonly onDropped: (listener: () => void) => void;
};

/** Bytes kept for a reader of standard output that is behind; after that lines are dropped, not memory. */
const longestBuffer = 16 * 1_048_576;

type Correlation = { request_id?: string; trace_id?: string; span_id?: string };

const correlation = (): Correlation => {
  const fields: Correlation = {};
  const request = currentRequest();
  if (request !== undefined) {
    fields.request_id = request.requestId;
    fields.trace_id = request.traceId;
  }
  const span = trace.getActiveSpan()?.spanContext();
  if (span !== undefined && span.traceId !== INVALID_TRACEID) {
    fields.trace_id = span.traceId;
    fields.span_id = span.spanId;
  }
  return fields;
};

/**
 * JSON lines: `time` (RFC 3339), `level` (a word), `request_id`, `trace_id`, `span_id` where there are any, the fields
 * with secrets and personal data redacted at any depth, `message`. An Error under any name becomes
 * `{ type, message, code?, stack?, cause? }` without literals of statements.
 */
export const createLogger = ({ level, destination }: LoggerDeps): FlushableLogger => {
  const standardOutput = destination ? undefined : pino.destination({ dest: 1, sync: false, maxLength: longestBuffer });
  const log = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      // Errors are described by redactValue already; pino would describe the description.
      serializers: { err: (value: unknown) => value },
    },
    destination ?? standardOutput!,
  );
  const at =
    (name: Exclude<LogLevel, 'silent'>) =>
    (fields: LogFields, message: string): void => {
      if (!log.isLevelEnabled(name)) return;
      log[name]({ ...correlation(), ...(redactValue(fields) as object) }, redactText(message));
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    flush: async (timeoutMs) => {
      if (!standardOutput) return true;
      // Not flushSync: it would overtake the write in progress, and hang with a reader that stands still.
      const drained = once(standardOutput, 'drain', { signal: AbortSignal.timeout(timeoutMs) });
      standardOutput.write('');
      return drained.then(
        () => true,
        () => false,
      );
    },
    onDropped: (listener) => {
      standardOutput?.on('drop', listener);
    },
  };
};
