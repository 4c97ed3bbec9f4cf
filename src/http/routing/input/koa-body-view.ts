import type { Context } from 'koa';
import type { BodySource } from '../../admission/body-source.ts';
import type { HttpContext } from '../types.ts';

/**
 * What koa-body needs of a context, with `source` in place of the request. It is an object of its own and does not inherit
 * from the context, because V8 gives every object that is a prototype a hidden class of its own: all code that uses the
 * context would become slow. A request of one option took 30 % more processor time. See docs/decisions/0156.
 */
export const koaBodyView = (ctx: HttpContext, source: BodySource): Context =>
  ({
    req: source,
    request: ctx.request,
    method: ctx.method,
    // Each reader has one kind of body, and the media type was checked before.
    is: () => true,
  }) as unknown as Context;
