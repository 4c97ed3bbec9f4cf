import type { ServerResponse } from 'node:http';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { callerOf } from '#src/kernel/requests/caller.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { LabelsOf, Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { RequestContext } from '#src/kernel/requests/request-context.ts';

export type AnswerBacklogOptions = {
  /** Max bytes of answers that wait for all clients together. */
  readonly maxBytes: number;
  /** Max bytes of answers that wait for one caller. If no answer waits for the caller, the next one may be larger. */
  readonly maxBytesByCaller: number;
  /** Max time for a client to read an answer. After that, the answer is cut off. */
  readonly timeoutMs: number;
};

export type AnswerBacklogDeps = AnswerBacklogOptions & {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly abuse: AbuseReport;
};

type CutReason = LabelsOf<'volwatch_http_answers_cut_total'>['reason'];

export type AnswerBacklog = {
  /**
   * Checks that one more answer to this caller can be kept.
   * @throws AppError `rate_limit_exceeded`, `overloaded`
   */
  readonly admit: (context: RequestContext) => void;
  /**
   * Counts an answer of `bytes` until its response is closed.
   * @param required the answer is counted and never refused
   * @returns a function that lowers the count by bytes that the answer has released
   * @throws AppError `rate_limit_exceeded`, `overloaded` unless `required`
   */
  readonly hold: (
    context: RequestContext,
    response: ServerResponse,
    bytes: number,
    required: boolean,
  ) => (givenUp: number) => void;
};

type Caller = {
  bytes: number;
  readonly answers: Set<HeldAnswer>;
  /** An answer was refused after its work was done. New work is refused until the client has read some bytes. */
  full: boolean;
};
type HeldAnswer = {
  bytes: number;
  readonly response: ServerResponse;
  readonly clientIp: string;
  readonly end: () => void;
  /**
   * Time of the first sweep that found the answer at the head of its connection. The timeout starts then, because an
   * answer behind another one cannot be sent yet.
   */
  begunAt: number | undefined;
};

const sweepMs = 1_000;
const retryAfterSeconds = 5;

/**
 * Counts and limits the bytes of answers that wait for their clients, per caller. At the total limit, the oldest answer
 * of the caller with the most bytes is cut in favour of a caller with fewer bytes. So a few slow clients cannot block
 * the service for others.
 */
export const createAnswerBacklog = (deps: AnswerBacklogDeps): AnswerBacklog => {
  const { maxBytes, maxBytesByCaller, timeoutMs, clock, metrics, abuse } = deps;
  const callers = new Map<string, Caller>();
  let total = 0;
  const report = (): void => metrics.set('volwatch_http_answer_bytes_outstanding', {}, total);
  report();

  const cut = (answer: HeldAnswer, reason: CutReason): void => {
    metrics.count('volwatch_http_answers_cut_total', { reason });
    abuse.refused(reason === 'timeout' ? 'answer_slow' : 'answer_backlog', answer.clientIp);
    answer.end();
    // Without a reset, the kernel would keep the bytes of its send buffer and retry for minutes.
    answer.response.req.socket.resetAndDestroy();
  };

  const largest = (): Caller | undefined => {
    let found: Caller | undefined;
    for (const caller of callers.values()) if (caller.bytes > (found?.bytes ?? 0)) found = caller;
    return found;
  };

  const refuseByCaller = (clientIp: string): never => {
    abuse.refused('answer_backlog', clientIp);
    const detail = 'Too many bytes of earlier answers wait to be read: read them, or close their connections';
    throw new AppError('rate_limit_exceeded', detail, { retryAfter: retryAfterSeconds });
  };
  const refuse = (clientIp: string): never => {
    abuse.refused('answer_backlog', clientIp);
    const detail = 'Too many bytes of answers wait to be read by their clients';
    throw new AppError('overloaded', detail, { retryAfter: retryAfterSeconds });
  };

  /** Cuts answers of callers with more than `share` bytes until `bytes` fit. @returns whether they fit */
  const makeSpace = (bytes: number, share: number): boolean => {
    const exceeds = (): boolean => total > 0 && total + bytes > maxBytes;
    while (exceeds()) {
      const caller = largest();
      const [oldest] = caller?.answers ?? [];
      if (caller === undefined || oldest === undefined || caller.bytes <= share) return false;
      cut(oldest, 'backlog');
    }
    return true;
  };

  setInterval(() => {
    const now = clock.monotonic();
    for (const { answers } of callers.values()) {
      for (const answer of answers) {
        if (answer.response.socket === null) continue;
        answer.begunAt ??= now;
        if (now - answer.begunAt >= timeoutMs) cut(answer, 'timeout');
      }
    }
  }, sweepMs).unref();

  return {
    admit: (context) => {
      const caller = callers.get(callerOf(context));
      const held = caller?.bytes ?? 0;
      if (held >= maxBytesByCaller || caller?.full === true) refuseByCaller(context.clientIp);
      if (total >= maxBytes && held >= (largest()?.bytes ?? 0)) refuse(context.clientIp);
    },

    hold: (context, response, bytes, required) => {
      const key = callerOf(context);
      const { clientIp } = context;
      const known = callers.get(key);
      const held = known?.bytes ?? 0;
      if (!required) {
        if (known !== undefined && held + bytes > maxBytesByCaller) {
          known.full = true;
          refuseByCaller(clientIp);
        }
        if (!makeSpace(bytes, held + bytes)) refuse(clientIp);
      }
      const caller = callers.get(key) ?? { bytes: 0, answers: new Set(), full: false };
      callers.set(key, caller);
      const change = (by: number): void => {
        if (by < 0) caller.full = false;
        answer.bytes += by;
        caller.bytes += by;
        total += by;
        report();
      };
      const end = (): void => {
        if (!caller.answers.delete(answer)) return;
        change(-answer.bytes);
        if (caller.answers.size === 0) callers.delete(key);
      };
      const answer: HeldAnswer = { bytes: 0, response, clientIp, end, begunAt: undefined };
      caller.answers.add(answer);
      change(bytes);
      response.once('close', end);
      return (givenUp) => {
        if (caller.answers.has(answer)) change(-Math.min(givenUp, answer.bytes));
      };
    },
  };
};
