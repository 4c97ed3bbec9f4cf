import { INVALID_TRACEID, trace } from '@opentelemetry/api';
import { pino, type DestinationStream } from 'pino';
import type { LogFields, Logger } from '../../kernel/ports/logger.ts';
import { currentRequest } from '../../kernel/requests/request-context.ts';
import type { LineLevel, LogLine } from './otlp/log-record.ts';
import { joinLines } from './joined-lines.ts';
import { createOutput, type LossReason } from './output.ts';
import { redactInto, redactText } from './redaction.ts';

export type LogLevel = LineLevel | 'silent';

export type LoggerDeps = {
  readonly level: LogLevel;
  /** The name of this process in each line. Default: none. */
  readonly instanceId?: string;
  /** Default: standard output, without blocking the event loop. */
  readonly destination?: DestinationStream;
  /** Gets each line too, in the context of the code that writes it. Default: nothing. */
  readonly exportLine?: ((line: LogLine) => void) | undefined;
};

export type FlushableLogger = Logger & {
  /**
   * Waits until all lines are written, at most `timeoutMs`. False if they are not, because the reader does not read.
   */
  readonly flush: (timeoutMs: number) => Promise<boolean>;
  /** Calls the listener with the number of lines that standard output could not take. */
  readonly onDropped: (listener: (reason: LossReason, lines: number) => void) => void;
};

/** Max bytes that wait for a slow reader of standard output. Above it lines are dropped. */
const maxBufferBytes = 16 * 1_048_576;

/** Writes the time of a line. A busy service writes several lines in a millisecond, and a text needs 4 microseconds. */
const createTimestamp = (): (() => string) => {
  let lastMs = Number.NaN;
  let text = '';
  return () => {
    const nowMs = Date.now();
    if (nowMs !== lastMs) {
      lastMs = nowMs;
      text = `,"time":"${new Date(nowMs).toISOString()}"`;
    }
    return text;
  };
};

/** The functions that write the lines which still wait when the process exits. */
const flushes = new Set<() => void>();
const flushAll = (): void => {
  for (const flush of flushes) flush();
};
/** One listener for all loggers. */
const flushAtExit = (flush: () => void): void => {
  if (flushes.size === 0) process.on('exit', flushAll);
  flushes.add(flush);
};

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
 * Writes JSON lines with `time` (RFC 3339), `level` (a word), `service_instance_id`, `request_id`, `trace_id` and `span_id` if they exist, the
 * fields, and `message`. Secrets and personal data in the fields are redacted at any depth. An Error in any field
 * becomes `{ type, message, code?, stack?, cause? }` without literals of statements.
 */
export const createLogger = ({ level, instanceId, destination, exportLine }: LoggerDeps): FlushableLogger => {
  let onLost: (reason: LossReason, lines: number) => void = () => {};
  const standardOutput = destination
    ? undefined
    : createOutput({ fd: 1, maxBytes: maxBufferBytes, onLost: (reason, lines) => onLost(reason, lines) });
  const joined = standardOutput && joinLines(standardOutput.write);
  if (joined) {
    flushAtExit(() => {
      joined.flush();
      standardOutput.writeAtExit();
    });
  }
  const log = pino(
    {
      level,
      base: instanceId === undefined ? null : { service_instance_id: instanceId },
      messageKey: 'message',
      timestamp: createTimestamp(),
      formatters: { level: (label) => ({ level: label }) },
      // redactValue has already converted errors; pino must not convert them again.
      serializers: { err: (value: unknown) => value },
    },
    destination ?? joined!,
  );
  const at =
    (name: LineLevel) =>
    (fields: LogFields, message: string): void => {
      if (!log.isLevelEnabled(name)) return;
      const line = redactInto(correlation(), fields, 1);
      const text = redactText(message);
      log[name](line, text);
      // A warning or an error may be the last line of a process, so it does not wait.
      if (name !== 'info' && name !== 'debug') joined?.flush();
      exportLine?.({ level: name, message: text, fields: line });
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    flush: async (timeoutMs) => {
      if (!standardOutput) return true;
      joined?.flush();
      return standardOutput.flush(timeoutMs);
    },
    onDropped: (listener) => {
      onLost = listener;
    },
  };
};
