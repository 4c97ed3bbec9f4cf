import type { Idempotency } from '#src/kernel/ports/idempotency.ts';
import type { CompiledRoute } from './compiled-route.ts';
import { handle } from './idempotent.ts';
import { selectFields, sendReply } from './reply.ts';
import type { ResponseCheck } from './response-check.ts';
import { createCallerSteps, type CallerStepsDeps } from './steps/caller-steps.ts';
import { createInputSteps, type InputStepsDeps } from './steps/input-steps.ts';
import { createLoadSteps, type LoadStepsDeps } from './steps/load-steps.ts';
import type { HttpContext, HttpMiddleware, Step } from './types.ts';

export type RouteStepsDeps = CallerStepsDeps &
  LoadStepsDeps &
  InputStepsDeps & { readonly idempotency: Idempotency | undefined; readonly checkResponse: ResponseCheck };

/**
 * Waits until a large answer is checked or written.
 * @returns false if the client has left meanwhile. That is no error of the service, because nobody waits for the answer.
 */
const isWanted = async ({ res, state }: HttpContext, work: Promise<void>): Promise<boolean> => {
  try {
    await work;
    return true;
  } catch (error) {
    if (res.closed && error === state.request.signal.reason) return false;
    throw error;
  }
};

/** From here on the route answers: what it refuses counts in its metrics. */
const take: Step = () => (ctx, next) => {
  ctx.state.isTaken = true;
  return next();
};

/** Runs the handler of the route and sends its reply. */
const runHandler =
  ({ idempotency, checkResponse }: Pick<RouteStepsDeps, 'idempotency' | 'checkResponse'>): Step =>
  (route) =>
  async (ctx) => {
    const input = ctx.state.input!;
    ctx.state.isHandled = true;
    const reply = await handle(ctx, route, input, idempotency);
    const checking = checkResponse(route, reply, ctx.state.request);
    if (checking && !(await isWanted(ctx, checking))) {
      ctx.status = reply.status;
      return;
    }
    const { fields } = route.declaration;
    const body = fields === undefined ? reply.body : selectFields(fields, reply.body, input.query?.['fields']);
    const sending = sendReply(ctx, route, body === reply.body ? reply : { ...reply, body });
    if (sending) await isWanted(ctx, sending);
  };

/** Returns a function that makes the middleware of a route: the steps that the route needs, in order. */
export const createRouteSteps = (deps: RouteStepsDeps): ((route: CompiledRoute) => HttpMiddleware[]) => {
  const { acceptType, validate } = createInputSteps(deps);
  const { refuseUnderLoad, admitAnswer, refuseUnexpectedBody, checkShare, takePlaceOfLargeWork, takeSlot } =
    createLoadSteps(deps);
  const { identify, identifyAgain, limit, checkCsrf } = createCallerSteps(deps);
  const steps = [
    acceptType,
    take,
    refuseUnderLoad,
    identify,
    limit,
    admitAnswer,
    checkCsrf,
    refuseUnexpectedBody,
    checkShare,
    validate,
    takePlaceOfLargeWork,
    takeSlot,
    identifyAgain,
    runHandler(deps),
  ] satisfies Step[];
  return (route) => steps.map((step) => step(route)).filter((step) => step !== undefined);
};
