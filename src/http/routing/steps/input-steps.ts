import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { acceptedTypes } from '#src/kernel/requests/accept.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import type { BodyAdmission } from '../../admission/body-admission.ts';
import type { Limits } from '../../server/limits.ts';
import { readBody, type BodyReading } from '../input/body.ts';
import { openStream } from '../input/stream.ts';
import { createBodyReaders } from '../input/body-reader.ts';
import { parseInput } from '../input/request-input.ts';
import type { HttpContext, Step } from '../types.ts';
import { callerIn } from './load-steps.ts';

export type InputStepsDeps = {
  readonly bodies: BodyAdmission;
  readonly abuse: AbuseReport;
  readonly limits: Limits;
};

/** Whether the client sends its body only after `100 Continue`. */
const waitsToSend = ({ req }: HttpContext): boolean =>
  req.headers.expect !== undefined && /^100-continue$/i.test(req.headers.expect) && req.httpVersion === '1.1';

/** What the request asks for. */
export const createInputSteps = ({ bodies, abuse, limits }: InputStepsDeps) => {
  const readers = createBodyReaders(limits);
  return {
    /** Refuses a client that accepts no media type of this route. */
    acceptType: ({ produces }) => {
      const isAccepted = (accept: string): boolean =>
        accept === '*/*' || produces.includes(accept) || acceptedTypes(accept, produces).length > 0;
      return (ctx, next) => {
        const { accept } = ctx.req.headers;
        if (accept === undefined || isAccepted(accept)) return next();
        throw new AppError('not_acceptable', `This route returns ${produces.join(' or ')}`);
      };
    },

    /** Reads the body, and validates path, query, headers and body. The memory of the body counts until the answer. */
    validate: (route) => async (ctx, next) => {
      let release = (): void => {};
      const read = async (): Promise<unknown> => {
        const caller = callerIn(ctx);
        const reading: BodyReading = {
          limits,
          readers,
          open: (declaredBytes, onEnd) => bodies.open(caller, declaredBytes, onEnd),
          ask: () => {
            if (waitsToSend(ctx)) ctx.res.writeContinue();
          },
          refused: (kind) => abuse.refused(kind, caller.clientIp),
        };
        if (route.declaration.streamBody) return openStream(ctx, route, reading);
        const body = await readBody(ctx, route, reading);
        ctx.state.bodyBytes = body.bytes;
        release = () => {
          body.release();
          // A refusal after the body: nobody has its bytes.
          if (body.value instanceof ByteBlocks && ctx.state.isHandled === undefined) body.value.release();
        };
        return body.value;
      };
      try {
        ctx.state.input = await parseInput(ctx, route, {
          maxQueryNames: limits.queryParameters,
          readBody: read,
          waitsToSend: waitsToSend(ctx),
        });
        await next();
      } finally {
        // The context lives until the client has read the answer, and nobody counts what it keeps.
        ctx.state.input = undefined;
        release();
      }
    },
  } satisfies Record<string, Step>;
};
