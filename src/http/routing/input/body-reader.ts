import { HttpMethodEnum, koaBody } from 'koa-body';
import type { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import type { BodyLimit } from '#src/kernel/requests/route.ts';
import type { BodySource } from '../../admission/body-source.ts';
import type { Limits } from '../../server/limits.ts';
import type { HttpContext } from '../types.ts';
import { koaBodyView } from './koa-body-view.ts';
import { readLargeBody } from './large-body-reader.ts';

/** Reads the bytes of a body, whose source has their limit. @throws the error that the source emits */
export type BodyReader = (ctx: HttpContext, source: BodySource) => Promise<Buffer | ByteBlocks>;

const next = async (): Promise<void> => {};

/**
 * A reader with koa-body. It reads bytes, because koa-body decodes leniently: it replaces invalid UTF-8, and reports
 * broken JSON without a code. An empty `encoding` means bytes.
 */
const createBodyReader = (maxBytes: number): BodyReader => {
  const parse = koaBody({
    text: true,
    textTypes: ['*/*'],
    textLimit: maxBytes,
    encoding: '',
    json: false,
    urlencoded: false,
    parsedMethods: Object.values(HttpMethodEnum),
  });
  return async (ctx, source) => {
    await parse(koaBodyView(ctx, source), next);
    return ctx.request.body as unknown as Buffer;
  };
};

/** A reader for each limit of the size. Only bodies of the default limit are small enough to be joined in one step. */
export const createBodyReaders = ({ bodyLimitBytes }: Limits): Readonly<Record<BodyLimit, BodyReader>> => {
  const large: BodyReader = (_, source) => readLargeBody(source);
  return { default: createBodyReader(bodyLimitBytes), document: large, batch: large, chunk: large };
};
