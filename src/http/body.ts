import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { AppError } from '#src/kernel/errors.ts';
import { describeJsonShapeFault, jsonShapeFault } from '#src/kernel/json-shape.ts';
import { formType, isJsonType, type CompiledRoute } from './compiled-route.ts';
import type { Limits } from './limits.ts';
import { parseQuery } from './validation.ts';

const tooLarge = (limit: number): AppError =>
  new AppError('payload_too_large', `The body may have at most ${limit} bytes`);

/** The stream's bytes, at most `limit` of them. */
const collect = async (stream: Readable, limit: number, onFault: (cause: Error) => AppError): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const refuse = (error: AppError): void => {
      stream.off('data', take);
      reject(error);
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limit) return refuse(tooLarge(limit));
      chunks.push(chunk);
    };
    stream.on('data', take);
    stream.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)));
    stream.once('error', (cause) => refuse(onFault(cause)));
    stream.once('close', () => {
      // Every stream closes; only one that has not ended closes too early.
      if (!stream.readableEnded) refuse(onFault(new Error('closed early')));
    });
  });

const incomplete = (cause: Error): AppError => new AppError('request_timeout', 'The body did not arrive', { cause });
const notCompressed = (cause: Error): AppError =>
  new AppError('malformed_body', 'The body is not what its Content-Encoding says', { cause });

const decompressors = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};
const isCompression = (name: string): name is keyof typeof decompressors => Object.hasOwn(decompressors, name);

const readBytes = async (request: IncomingMessage, limit: number): Promise<Buffer> => {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity') return collect(request, limit, incomplete);
  if (!isCompression(encoding)) {
    throw new AppError('unsupported_media_type', 'Content-Encoding must be gzip, deflate or br', {
      headers: { 'Accept-Encoding': 'gzip, deflate, br' },
    });
  }
  const plain = decompressors[encoding]();
  // `pipe` does not pass an abort on: without this a client that leaves would keep the handler waiting.
  request.once('close', () => {
    if (!request.complete) plain.destroy();
  });
  request.pipe(plain);
  try {
    return await collect(plain, limit, notCompressed);
  } finally {
    request.unpipe(plain);
    plain.destroy();
    request.resume();
  }
};

const checkMediaType = (header: string | undefined, consumes: readonly string[]): string => {
  if (header !== undefined && consumes.includes(header)) return header;
  const [essence = '', ...parameters] = (header ?? '').toLowerCase().split(';');
  const type = essence.trim();
  if (!consumes.includes(type)) {
    throw new AppError('unsupported_media_type', `Content-Type must be ${consumes.join(' or ')}`, {
      headers: { Accept: consumes.join(', ') },
    });
  }
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='));
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset)) {
    throw new AppError('unsupported_media_type', 'The charset must be utf-8');
  }
  return type;
};

const utf8 = new TextDecoder('utf-8', { fatal: true });
const textOf = (bytes: Buffer): string => {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new AppError('malformed_body', 'The body is not valid UTF-8', { cause });
  }
};

const parseJson = (bytes: Buffer, depth: number): unknown => {
  const fault = jsonShapeFault(bytes, { maxDepth: depth });
  if (fault !== undefined) throw new AppError('malformed_body', describeJsonShapeFault(fault));
  const text = textOf(bytes);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError('malformed_body', 'The body is not valid JSON', { cause });
  }
};

/**
 * The body as its media type means it: JSON parsed, a form as a map of texts; anything else, and `rawBody`, a Buffer.
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `malformed_body`, `request_timeout`
 */
export const readBody = async (request: IncomingMessage, route: CompiledRoute, limits: Limits): Promise<unknown> => {
  const { headers } = request;
  const absent = headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0';
  if (absent) {
    if (route.bodyOptional) return undefined;
    throw new AppError('malformed_body', 'A body is required');
  }
  const type = checkMediaType(headers['content-type'], route.consumes);
  const batch = route.declaration.bodyLimit === 'batch';
  const bytes = await readBytes(request, batch ? limits.batchBodyLimitBytes : limits.bodyLimitBytes);
  if (route.declaration.rawBody) return bytes;
  if (isJsonType(type)) return parseJson(bytes, limits.jsonDepth);
  if (type === formType) return parseQuery(textOf(bytes), limits.queryParameters);
  return bytes;
};
