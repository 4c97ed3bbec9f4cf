import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AnswerPieces } from '#src/kernel/answer-pieces.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { RequestContext } from '#src/kernel/requests/request-context.ts';
import type { Route } from '#src/kernel/requests/route.ts';
import { createSlowReaders, type SlowReaders } from '#src/kernel/slow-readers.ts';
import type { HttpContext, HttpMiddleware } from '../routing/types.ts';
import { createAnswerBacklog, type AnswerBacklog, type AnswerBacklogOptions } from './answer-backlog.ts';

export type AnswersDeps = {
  readonly backlog: AnswerBacklogOptions;
  /** Min rate at which a client must read, while bytes wait for it. */
  readonly minBytesPerSecond: number;
  /** Time for which a client may stay below that rate. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly abuse: AbuseReport;
};

export type Answers = {
  /**
   * Must be called before the work of a route. Checks that a large answer could be kept, if the route can have one.
   * @throws AppError `rate_limit_exceeded`, `overloaded`
   */
  readonly admit: (context: RequestContext, route: Route) => void;
  /** Must run outside compression, because it counts the bytes that are sent. */
  readonly middleware: HttpMiddleware;
  /** Counts the answer of an error, which is made outside of the middleware. Never refuses it. */
  readonly holdProblem: (ctx: HttpContext, body: string) => void;
  readonly watch: SlowReaders['watch'];
  readonly cutSlowest: SlowReaders['cutSlowest'];
  readonly heldBytes: AnswerBacklog['heldBytes'];
};

/** An answer that counts. `giveUp` lowers its count by bytes that it has released. */
type Held = { readonly bytes: number; readonly giveUp: (bytes: number) => void };

/**
 * An answer smaller than this does not count if it is the only one of its connection, because it is sent at once or its
 * connection is cut.
 */
const countedBytes = 16_384;
/** An answer of this size or more can be refused even after its work is done. */
const largeBytes = 65_536;
/** An answer of this size or more is sent in pieces, so that the progress of its client can be measured. */
const piecesBytes = 262_144;

/**
 * The state of a compression and its output that waits, until its client has read all. Measured with answers of 70 to 600 KB: 0.4 to 0.7 MB
 * for zstd, 0.4 to 1.2 MB for br, 0.4 MB for gzip.
 */
const compressionBytes = 786_432;

/**
 * Lists, results and the answers to batch work may be large, however small their bodies are. Root routes are excluded, because their answers are in shared memory and
 * health checks must never be refused.
 */
const mayBeLarge = ({ atRoot, method, load }: Route): boolean =>
  atRoot !== true && (method === 'GET' || (method === 'POST' && load === 'batch'));

/** Limits the bytes of answers that wait for clients, and closes the connections of clients that do not read. */
export const createAnswers = (deps: AnswersDeps): Answers => {
  const { clock, metrics, abuse, minBytesPerSecond, graceMs } = deps;
  const backlog = createAnswerBacklog({ ...deps.backlog, clock, metrics, abuse });
  // Behind a trusted proxy, only a request has the address of the client; the socket does not.
  const clientIps = new WeakMap<Socket, string>();
  for (const reason of ['rate', 'timeout', 'backlog'] as const) {
    metrics.count('volwatch_http_answers_cut_total', { reason }, 0);
  }
  const slowReaders = createSlowReaders({
    clock,
    minBytesPerSecond,
    graceMs,
    onCut: (socket) => {
      metrics.count('volwatch_http_answers_cut_total', { reason: 'rate' });
      abuse.refused('answer_slow', clientIps.get(socket) ?? socket.remoteAddress);
    },
  });

  const hold = (ctx: HttpContext, bytes: number, required: boolean): Held => ({
    bytes,
    giveUp: backlog.hold(ctx.state.request, ctx.res, bytes, required),
  });

  const holdPieces = (ctx: HttpContext, pieces: AnswerPieces, isCompressed: boolean, reserved?: Held): void => {
    const bytes = pieces.byteLength + (isCompressed ? compressionBytes : 0) - (reserved?.bytes ?? 0);
    // A reserved answer has been read, so the memory of its compression is no reason to refuse it.
    const rest = bytes > 0 ? hold(ctx, bytes, reserved !== undefined || bytes < largeBytes) : undefined;
    const giveUp = reserved?.giveUp ?? rest?.giveUp;
    // The compression, and what waits to be sent, count until the response closes.
    let releasable = pieces.byteLength - pieces.maxUnsentBytes;
    pieces.onReleased = (released) => {
      const given = Math.min(released, releasable);
      releasable -= given;
      giveUp?.(given);
    };
  };

  // Small answers accumulate behind another answer, so there they count too.
  const isSentAtOnce = (ctx: HttpContext, length: number): boolean => length < countedBytes && ctx.res.socket !== null;

  const holdWhole = (ctx: HttpContext, body: string | Buffer): void => {
    const { length } = ctx.response;
    if (isSentAtOnce(ctx, length)) return;
    if (length < piecesBytes) {
      backlog.hold(ctx.state.request, ctx.res, length, length < largeBytes);
      return;
    }
    const pieces = new AnswerPieces([typeof body === 'string' ? Buffer.from(body) : body]);
    holdPieces(ctx, pieces, false);
    ctx.body = pieces;
    ctx.length = length;
  };

  return {
    admit: (context, route) => {
      if (mayBeLarge(route)) backlog.admit(context);
    },
    holdProblem: (ctx, body) => {
      if (ctx.method === 'HEAD' || ctx.res.closed || isSentAtOnce(ctx, body.length)) return;
      backlog.hold(ctx.state.request, ctx.res, Buffer.byteLength(body), true);
    },
    watch: slowReaders.watch,
    cutSlowest: slowReaders.cutSlowest,
    heldBytes: backlog.heldBytes,
    middleware: async (ctx, next) => {
      clientIps.set(ctx.req.socket, ctx.state.request.clientIp);
      let reserved: Held | undefined;
      ctx.state.reserveAnswer = (bytes) => {
        // An answer that is held now would count for ever.
        if (!ctx.res.closed) reserved = hold(ctx, bytes, bytes < largeBytes);
      };
      try {
        await next();
      } catch (error) {
        reserved?.giveUp(reserved.bytes);
        throw error;
      }
      const { body } = ctx;
      if (ctx.method === 'HEAD' || ctx.res.closed) return;
      if (typeof body === 'string' || Buffer.isBuffer(body)) holdWhole(ctx, body);
      const { pieces } = ctx.state;
      if (body instanceof Readable && pieces !== undefined) holdPieces(ctx, pieces, body !== pieces, reserved);
    },
  };
};
