import { pipeline, Readable, type Transform } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { acceptedEncodings } from '#src/kernel/requests/accept.ts';
import type { HttpContext, HttpMiddleware } from '../routing/types.ts';

/** A smaller answer is not compressed, because the added headers cost more bytes than compression saves. */
const minBytes = 1024;

const brotli = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } };
const gzip = { level: 4 };
const zstd = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };

type Encoder = {
  readonly whole: (bytes: Buffer) => Promise<Buffer>;
  readonly stream: () => Transform;
};
const whole =
  <Options>(compress: (bytes: Buffer, options: Options) => Promise<Buffer>, options: Options) =>
  async (bytes: Buffer) =>
    compress(bytes, options);

/** In order of preference. The levels are explained in docs/decisions/0032. */
const encoders = {
  zstd: {
    whole: whole(promisify<Buffer, zlib.ZstdOptions, Buffer>(zlib.zstdCompress), zstd),
    stream: () => zlib.createZstdCompress(zstd),
  },
  br: {
    whole: whole(promisify<Buffer, zlib.BrotliOptions, Buffer>(zlib.brotliCompress), brotli),
    stream: () => zlib.createBrotliCompress(brotli),
  },
  gzip: {
    whole: whole(promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gzip), gzip),
    stream: () => zlib.createGzip(gzip),
  },
} satisfies Record<string, Encoder>;
type Encoding = keyof typeof encoders;
const encodings = Object.keys(encoders) as Encoding[];

/** `x-gzip` is an old name of gzip (RFC 9110, section 8.4.1.3). */
const acceptable = [...encodings, 'x-gzip', 'identity'] as const;

/** The encoding that the client prefers, the first of `encoders` among equals. Undefined: the answer is not compressed. */
export const chooseEncoding = (accepted: string | undefined): Encoding | undefined => {
  if (accepted === undefined) return undefined;
  const [best] = acceptedEncodings(accepted, acceptable);
  if (best === undefined || best === 'identity') return undefined;
  return best === 'x-gzip' ? 'gzip' : best;
};

const compressible = /^(?:text\/|application\/(?:[\w.-]+\+)?json\b|image\/svg)/;

/** Answers with secrets have `no-store`. They are not compressed, because their length would reveal content (BREACH). */
const mayCompress = (ctx: HttpContext): boolean => {
  const { res } = ctx;
  const cacheControl = String(res.getHeader('Cache-Control') ?? '');
  if (/no-store|no-transform/.test(cacheControl) || res.hasHeader('Content-Encoding')) return false;
  return compressible.test(String(res.getHeader('Content-Type') ?? ''));
};

type Compress = (body: Buffer, encoding: Encoding) => Promise<Buffer>;

/** Compresses each buffer once for each encoding. A compression that failed is tried again at the next request, because a fault can pass. */
export const compressedOnce = (compress: Compress): Compress => {
  const cache = new WeakMap<Buffer, Map<Encoding, Promise<Buffer>>>();
  return (body, encoding) => {
    const versions = cache.get(body) ?? new Map<Encoding, Promise<Buffer>>();
    cache.set(body, versions);
    const version = versions.get(encoding) ?? compress(body, encoding);
    versions.set(encoding, version);
    version.catch(() => versions.delete(encoding));
    return version;
  };
};

/** Compresses JSON and text of `minBytes` or more with zstd, br or gzip, on threads of the libuv pool. */
export const compression = (): HttpMiddleware => {
  // The pages and files of the service are always answered from the same buffers.
  const compressed = compressedOnce((body, encoding) => encoders[encoding].whole(body));

  return async (ctx, next) => {
    await next();
    const { body, res } = ctx;
    const notModified = res.statusCode === 304;
    if (!notModified) {
      if (typeof body === 'string' ? body.length < minBytes : Buffer.isBuffer(body) && body.length < minBytes) return;
      if (!(typeof body === 'string' || Buffer.isBuffer(body) || body instanceof Readable) || !mayCompress(ctx)) return;
    }
    res.appendHeader('Vary', 'Accept-Encoding');
    if (notModified) return;
    const encoding = chooseEncoding(ctx.req.headers['accept-encoding']);
    if (encoding === undefined) return;
    if (body instanceof Readable) {
      res.removeHeader('Content-Length');
      ctx.body = pipeline(body, encoders[encoding].stream(), () => {});
    } else {
      ctx.body = await compressed(typeof body === 'string' ? Buffer.from(body) : (body as Buffer), encoding);
    }
    res.setHeader('Content-Encoding', encoding);
  };
};
