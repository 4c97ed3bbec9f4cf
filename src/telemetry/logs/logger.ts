import { once } from 'node:events';
import { INVALID_TRACEID, trace } from '@opentelemetry/api';
import { pino, type DestinationStream } from 'pino';
import type { LogFields, Logger } from '../../kernel/ports/logger.ts';
import { currentRequest } from '../../kernel/requests/request-context.ts';
import type { LineLevel, LogLine } from './otlp/log-record.ts';
import { joinLines } from './joined-lines.ts';
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
  /** Calls the listener for every line that is lost because the reader of standard output is too slow. */
  readonly onDropped: (listener: () => void) => void;
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
/** One listener for all loggers. It is first, because the listener of pino writes what standard output still has. */
const flushAtExit = (flush: () => void): void => {
  if (flushes.size === 0) process.prependListener('exit', flushAll);
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
  const standardOutput = destination
    ? undefined
    : pino.destination({ dest: 1, sync: false, maxLength: maxBufferBytes });
  const joined = standardOutput && joinLines((text) => standardOutput.write(text));
  if (joined) flushAtExit(joined.flush);
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
      // flushSync is not used, because it writes before the write in progress, and hangs if the reader does not read.
      const drained = once(standardOutput, 'drain', { signal: AbortSignal.timeout(timeoutMs) });
      standardOutput.write('');
      return drained.then(
        () => true,
        () => false,
      );
    },
    onDropped: (listener) => {
      // Each text ends with a line feed, and it has one for each line.
      standardOutput?.on('drop', (text: string) => {
        for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) listener();
      });
    },
  };
};
