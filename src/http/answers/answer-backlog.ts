import type { ServerResponse } from 'node:http';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { createCounts } from '#src/kernel/counts.ts';
import { callerOf } from '#src/kernel/requests/caller.ts';
import { createRecentUse } from '#src/kernel/requests/callers/recent-use.ts';
import { countedSite } from '#src/kernel/requests/counted-address.ts';
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
  /** Other memory of requests, which is taken from `maxBytes`. */
  readonly otherBytes?: () => number;
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
  /** Bytes of all answers that wait for their clients. */
  readonly heldBytes: () => number;
};

type Caller = {
  bytes: number;
  readonly network: string;
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

/** Part of `maxBytes` that other memory does not take, so that answers never wait for it. */
const minPart = 1 / 4;
const sweepMs = 1_000;
const retryAfterSeconds = 5;

/** Bytes that a network held on average: a smaller difference is no reason to prefer one. */
const minDifferenceBytes = 262_144;

/**
 * Counts and limits the bytes of answers that wait for their clients, per caller. At the total limit an answer is cut in favour of another one: of the
 * network that has held most recently, if that is more than the network of the new answer; else of one with more bytes, if it has held as much
 * recently. So neither a few slow clients nor many callers of some networks block the service for others. See docs/decisions/0344.
 */
export const createAnswerBacklog = (deps: AnswerBacklogDeps): AnswerBacklog => {
  const { maxBytes, maxBytesByCaller, timeoutMs, otherBytes = () => 0, clock, metrics, abuse } = deps;
  const limitBytes = (): number => Math.max(maxBytes * minPart, maxBytes - otherBytes());
  const callers = new Map<string, Caller>();
  /** The bytes of each network. */
  const networks = createCounts();
  /** In bytes. */
  const recent = createRecentUse({ now: clock.monotonic });
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

  const hold = (network: string, by: number): void => {
    networks.change(network, by);
    recent.hold(network, networks.of(network));
  };

  /** The name with the largest number of those above `min`; undefined if there is none. */
  const maxAbove = (min: number, numberOf: (network: string, bytes: number) => number): string | undefined => {
    let found: string | undefined;
    let max = min;
    for (const [network, bytes] of networks.entries()) {
      const number = numberOf(network, bytes);
      if (number > max) [found, max] = [network, number];
    }
    return found;
  };

  /** The network that loses an answer in favour of one of `bytes` for `own`. */
  const networkFor = (own: string, bytes: number): string | undefined => {
    const ownRecent = recent.of(own);
    return (
      maxAbove(ownRecent + minDifferenceBytes, (network) => recent.of(network)) ??
      maxAbove(networks.of(own) + bytes, (network, held) =>
        recent.of(network) > ownRecent - minDifferenceBytes ? held : 0,
      )
    );
  };

  /** The oldest answer of the caller with most bytes, of those of the network with more than `share`. */
  const oldestOf = (network: string, share: number): HeldAnswer | undefined => {
    let found: Caller | undefined;
    for (const caller of callers.values())
      if (caller.network === network && caller.bytes > (found?.bytes ?? share)) found = caller;
    const [oldest] = found?.answers ?? [];
    return oldest;
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

  /** Cuts answers until `bytes` fit. @param share the bytes of the caller with them. @returns whether they fit */
  const makeSpace = (own: string, bytes: number, share: number): boolean => {
    const exceeds = (): boolean => total > 0 && total + bytes > limitBytes();
    while (exceeds()) {
      const network = networkFor(own, bytes);
      const oldest = network === undefined ? oldestOf(own, share) : oldestOf(network, 0);
      if (oldest === undefined) return false;
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
    heldBytes: () => total,
    admit: (context) => {
      const caller = callers.get(callerOf(context));
      const held = caller?.bytes ?? 0;
      if (held >= maxBytesByCaller || caller?.full === true) refuseByCaller(context.clientIp);
      const own = countedSite(context.clientIp);
      if (total >= limitBytes() && networkFor(own, 0) === undefined && oldestOf(own, held) === undefined) {
        refuse(context.clientIp);
      }
    },

    hold: (context, response, bytes, required) => {
      const key = callerOf(context);
      const { clientIp } = context;
      const network = countedSite(clientIp);
      const known = callers.get(key);
      const held = known?.bytes ?? 0;
      if (!required) {
        if (known !== undefined && held + bytes > maxBytesByCaller) {
          known.full = true;
          refuseByCaller(clientIp);
        }
        if (!makeSpace(network, bytes, held + bytes)) refuse(clientIp);
      }
      const caller = callers.get(key) ?? { bytes: 0, network, answers: new Set(), full: false };
      callers.set(key, caller);
      const change = (by: number): void => {
        if (by < 0) caller.full = false;
        answer.bytes += by;
        caller.bytes += by;
        hold(caller.network, by);
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
