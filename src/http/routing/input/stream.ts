import type { BodyStream } from '#src/kernel/body-stream.ts';
import { streamBody } from '../../admission/stream-body.ts';
import { hasBody } from '#src/kernel/connections/has-body.ts';
import { multipartType, type CompiledRoute } from '../compiled-route.ts';
import type { HttpContext } from '../types.ts';
import { checkMediaType, noBody, type BodyReading } from './body.ts';
import { readFormFile } from './form-file.ts';

/**
 * The body of a route with `streamBody`. Nothing is read before its `read` is called.
 * @throws AppError `unsupported_media_type`, `malformed_body`
 */
export const openStream = (ctx: HttpContext, route: CompiledRoute, reading: BodyReading): BodyStream => {
  if (!hasBody(ctx.req)) throw noBody(route);
  const mediaType = checkMediaType(ctx.req.headers['content-type'], route);
  const { limits, open, ask, refused } = reading;
  return {
    read: async (consume) => {
      const result = await streamBody(
        ctx.req,
        {
          ...limits.stream,
          expansion: limits.expansion,
          open,
          ask,
          onExpansion: () => refused('body_expansion'),
          onTinyChunks: () => refused('body_structure'),
        },
        (body) => (mediaType === multipartType ? readFormFile(ctx, body, consume) : consume({ mediaType, ...body })),
      );
      // An upload can take half an hour.
      await ctx.state.request.assertCaller?.();
      return result;
    },
  };
};
