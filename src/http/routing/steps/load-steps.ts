import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { callerOf } from '#src/kernel/requests/caller.ts';
import type { Caller } from '../../admission/shares.ts';
import { createLargeWorkPlaces, largeWorkOf, placesFor } from '../../admission/large-work.ts';
import type { LoadShedding } from '../../admission/load-shedding.ts';
import { hasUnexpectedBody } from '../../admission/unread-body.ts';
import type { Answers } from '../../answers/answers.ts';
import { startWaitOf } from '../../server/counted-request.ts';
import type { HttpContext, Step } from '../types.ts';

export type LoadStepsDeps = {
  readonly loadShedding: LoadShedding | undefined;
  readonly answers: Pick<Answers, 'admit'> | undefined;
  readonly abuse: AbuseReport;
  readonly metrics: Metrics;
};

/** The caller of a request. It is kept, so it must not be asked for before the caller is authenticated. */
export const callerIn = ({ state }: HttpContext): Caller => {
  const { request } = state;
  state.caller ??= { key: callerOf(request), clientIp: request.clientIp };
  return state.caller;
};

/** @throws AppError `body_unexpected` */
export const refuseBody = (abuse: AbuseReport, { state: { request } }: HttpContext): never => {
  abuse.refused('body_unexpected', request.clientIp);
  throw new AppError('body_unexpected');
};

/** Whether there is capacity for the request. */
export const createLoadSteps = ({ loadShedding, answers, abuse, metrics }: LoadStepsDeps) => {
  const largeWork = createLargeWorkPlaces({ abuse, metrics });
  return {
    /** Refuses a request while its class has no slot, before anything is spent on it. */
    refuseUnderLoad: ({ declaration }) => {
      if (loadShedding === undefined) return undefined;
      return (ctx, next) => {
        loadShedding.refuseEarly(declaration, startWaitOf(ctx.req));
        return next();
      };
    },

    /** Refuses a caller who does not read the answers that it has. */
    admitAnswer: ({ declaration }) => {
      if (answers === undefined) return undefined;
      return (ctx, next) => {
        answers.admit(ctx.state.request, declaration);
        return next();
      };
    },

    /** Refuses a body on a route that takes none. */
    refuseUnexpectedBody: ({ body }) => {
      if (body !== undefined) return undefined;
      return (ctx, next) => {
        if (hasUnexpectedBody(ctx.req)) refuseBody(abuse, ctx);
        return next();
      };
    },

    /** Refuses a caller that has its share of the slots, before its body is read. */
    checkShare: ({ declaration }) => {
      if (loadShedding === undefined) return undefined;
      return (ctx, next) => {
        loadShedding.check(declaration, callerIn(ctx));
        return next();
      };
    },

    /** A large page or body waits for a place, before the request takes a slot that others need. */
    takePlaceOfLargeWork: ({ declaration }) => {
      const work = largeWorkOf(declaration);
      if (loadShedding === undefined || work === undefined) return undefined;
      return ({ state: { input, bodyBytes = 0 } }, next) => {
        const places = placesFor(work, { query: input!.query, bodyBytes, scansBy: declaration.scansBy });
        if (places.length === 0) return next();
        return largeWork.use(places, next);
      };
    },

    /**
     * Holds a slot while the handler works. The slot is taken after the body has arrived, so a client that does not send
     * its body holds no slot.
     */
    takeSlot: ({ declaration }) => {
      if (loadShedding === undefined) return undefined;
      return async (ctx, next) => {
        const slot = loadShedding.enter(declaration, callerIn(ctx));
        try {
          await next();
        } finally {
          slot?.workEnded();
          // The answer to a slow client holds memory, so it counts for its caller until it is sent.
          // `prepend`, because another listener of `close` starts the next pipelined request, which needs the slot.
          if (slot && ctx.res.closed) slot.answerEnded();
          else if (slot) ctx.res.prependOnceListener('close', slot.answerEnded);
        }
      };
    },
  } satisfies Record<string, Step>;
};
