import { pipeline, Readable, type Transform } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { HttpContext, HttpMiddleware } from '../routing/types.ts';

/** Below this the headers weigh more than what is saved. */
const smallestBytes = 1024;

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

/** In the order of our preference. Levels: docs/decisions/0032. */
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

/** RFC 9110, section 12.5.3: the encoding that the client likes best, ours among equals. Undefined: none. */
export const chooseEncoding = (accepted: string | undefined): Encoding | undefined => {
  if (accepted === undefined) return undefined;
  const weights = new Map<string, number>();
  for (const item of accepted.toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map((piece) => piece.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    weights.set(name === 'x-gzip' ? 'gzip' : name, weight === undefined ? 1 : Number(weight) || 0);
  }
  const weightOf = (name: string): number => weights.get(name) ?? weights.get('*') ?? 0;
  let best: Encoding | undefined;
  for (const encoding of encodings) {
    if (weightOf(encoding) > (best === undefined ? 0 : weightOf(best))) best = encoding;
  }
  return best !== undefined && weightOf(best) >= (weights.get('identity') ?? 0) ? best : undefined;
};

const compressible = /^(?:text\/|application\/(?:[\w.-]+\+)?json\b|image\/svg)/;

/** Answers that hold secrets say `no-store`: their length must not tell what is in them (BREACH). */
const mayCompress = (ctx: HttpContext): boolean => {
  const { res } = ctx;
  const cacheControl = String(res.getHeader('Cache-Control') ?? '');
  if (/no-store|no-transform/.test(cacheControl) || res.hasHeader('Content-Encoding')) return false;
  return compressible.test(String(res.getHeader('Content-Type') ?? ''));
};

/** JSON and text of a kilobyte or more as zstd, br or gzip, off the event loop. */
export const compression = (): HttpMiddleware => {
  // What is answered from the same buffer again and again, the files of the docs page, is compressed once.
  const known = new WeakMap<Buffer, Map<Encoding, Promise<Buffer>>>();
  const compressed = async (body: Buffer, encoding: Encoding): Promise<Buffer> => {
    const versions = known.get(body) ?? new Map<Encoding, Promise<Buffer>>();
    known.set(body, versions);
    const version = versions.get(encoding) ?? encoders[encoding].whole(body);
    versions.set(encoding, version);
    return version;
  };

  return async (ctx, next) => {
    await next();
    const { body, res } = ctx;
    const notModified = res.statusCode === 304;
    if (!notModified) {
      if (typeof body === 'string' ? body.length < smallestBytes : Buffer.isBuffer(body) && body.length < smallestBytes)
        return;
      if (!(typeof body === 'string' || Buffer.isBuffer(body) || body instanceof Readable) || !mayCompress(ctx)) return;
    }
    res.appendHeader('Vary', 'Accept-Encoding');
    const encoding = chooseEncoding(ctx.req.headers['accept-encoding']);
    if (notModified || encoding === undefined) return;
    if (body instanceof Readable) {
      res.removeHeader('Content-Length');
      ctx.body = pipeline(body, encoders[encoding].stream(), () => {});
    } else {
      ctx.body = await compressed(typeof body === 'string' ? Buffer.from(body) : (body as Buffer), encoding);
    }
    res.setHeader('Content-Encoding', encoding);
  };
};
