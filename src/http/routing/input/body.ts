import type { AbuseKind } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { BodyLimit } from '#src/kernel/requests/route.ts';
import { listed } from '#src/kernel/requests/nearest-name.ts';
import { malformedJson } from '#src/kernel/requests/json-fault.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { nextTurnOfLoop } from '#src/kernel/streams/turns.ts';
import { describeJsonShapeFault, jsonShapeFault, type JsonShapeLimits } from '#src/kernel/requests/json-shape.ts';
import { receive, type ReceiveOptions } from '../../admission/receive.ts';
import { hasBody } from '#src/kernel/connections/has-body.ts';
import { formType, isJsonType, type CompiledRoute } from '../compiled-route.ts';
import type { Limits } from '../../server/limits.ts';
import type { BodyReader } from './body-reader.ts';
import type { HttpContext } from '../types.ts';
import { parseQuery } from './validation.ts';

/**
 * Max different member names of a body that the event loop parses. V8 keeps each name and a description of each set of names: 4,700 new names in 61 KB took
 * 16 to 32 ms. A smaller body cannot have so many.
 */
const maxNames = 256;
/** The same for objects with few names in ever new orders. */
const maxShapes = 1_000;
const namesMatterBytes = 4_096;

/** Max characters of the header Content-Type that are read. One of 16 KB took 1 ms, and a boundary has at most 70. */
const maxTypeCharacters = 1_024;

/** A media type that a message may repeat. */
const MEDIA_TYPE = /^[a-z0-9.+-]{1,40}\/[a-z0-9.+-]{1,60}$/;

export const checkMediaType = (header: string | undefined, { consumes, declaration }: CompiledRoute): string => {
  if (header !== undefined && consumes.includes(header)) return header;
  const [essence = '', ...parameters] = (header ?? '').slice(0, maxTypeCharacters).toLowerCase().split(';');
  const type = essence.trim();
  if (!consumes.includes(type)) {
    const sent = MEDIA_TYPE.test(type) ? `, not ${type}` : '';
    const [first] = consumes;
    const hint =
      declaration.bodyHint ??
      `the header Content-Type: ${first}${first === 'application/json' ? ' with a JSON body' : ''}`;
    const detail =
      type === ''
        ? `The header Content-Type is required: send ${listed(consumes)}`
        : `The header Content-Type must be ${listed(consumes)}${sent}: send ${hint}`;
    throw new AppError('unsupported_media_type', detail, {
      headers: { Accept: consumes.join(', ') },
    });
  }
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='));
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset)) {
    throw new AppError(
      'unsupported_media_type',
      'The charset in the header Content-Type must be utf-8: encode the body as UTF-8',
    );
  }
  return type;
};

export const noBody = ({ consumes }: CompiledRoute): AppError => {
  const kind = consumes.every(isJsonType) ? 'a JSON object' : 'it';
  return new AppError('malformed_body', `A body is required: send ${kind} with Content-Type ${listed(consumes)}`);
};

const utf8 = new TextDecoder('utf-8', { fatal: true });
const textOf = (bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new AppError('malformed_body', 'The body is not valid UTF-8: encode it as UTF-8', { cause });
  }
};

/** Checking, parsing and validating 512 KB takes 2 to 3 ms each. A larger body than this gets a turn of the event loop between them. */
const maxBytesAtOnce = 65_536;

const parseJson = async (
  bytes: Uint8Array,
  shape: JsonShapeLimits,
  refused: (kind: AbuseKind) => void,
): Promise<unknown> => {
  const nextStep = bytes.byteLength > maxBytesAtOnce ? nextTurnOfLoop : undefined;
  const fault = jsonShapeFault(
    bytes,
    bytes.byteLength < namesMatterBytes ? shape : { ...shape, names: { maxNames, maxShapes } },
  );
  if (fault !== undefined) {
    refused('body_structure');
    throw new AppError('malformed_body', describeJsonShapeFault(fault));
  }
  if (nextStep) await nextStep();
  const text = textOf(bytes);
  try {
    const value: unknown = JSON.parse(text);
    if (nextStep) await nextStep();
    return value;
  } catch (cause) {
    throw malformedJson(text, cause);
  }
};

export type BodyReading = Pick<ReceiveOptions<unknown>, 'open' | 'ask'> & {
  readonly limits: Limits;
  readonly readers: Readonly<Record<BodyLimit, BodyReader>>;
  /** Reports abuse by the client of this request. */
  readonly refused: (kind: AbuseKind) => void;
};

export type ReadBody = {
  readonly value: unknown;
  /** Its size without compression. */
  readonly bytes: number;
  /** Ends the accounting of the memory of the body. Must be called. */
  readonly release: () => void;
};

/**
 * Sign-ins, tokens, and changes of passwords have no slots, because load must not keep owners from their accounts. So nothing limits how many of their
 * bodies arrive at once, and 400 bodies of 64 KB held the event loop for seconds. The longest one has ten texts of 1,024 bytes.
 */
const maxBytesWithoutSlot = 16_384;

/**
 * Reads and parses the body by its media type: JSON is parsed, a form becomes a map of strings. Other types, and routes
 * with `rawBody`, give bytes: a Buffer for the default limit, ByteBlocks for a larger one.
 * @throws AppError `unsupported_media_type`, `malformed_body`, and the codes of `receive`
 */
export const readBody = async (
  ctx: HttpContext,
  route: CompiledRoute,
  { limits, readers, open, ask, refused }: BodyReading,
): Promise<ReadBody> => {
  const { headers } = ctx.req;
  if (!hasBody(ctx.req)) {
    if (route.bodyOptional) return { value: undefined, bytes: 0, release: () => {} };
    throw noBody(route);
  }
  const type = checkMediaType(headers['content-type'], route);
  const { rawBody, bodyLimit = 'default', load } = route.declaration;
  const maxBytes: Readonly<Record<BodyLimit, number>> = {
    default: load === 'none' ? Math.min(limits.bodyLimitBytes, maxBytesWithoutSlot) : limits.bodyLimitBytes,
    document: limits.documentBodyLimitBytes,
    batch: limits.batchBodyLimitBytes,
    chunk: limits.chunkBodyLimitBytes,
  };
  const { value: body, release } = await receive(ctx.req, {
    maxBytes: maxBytes[bodyLimit],
    expansion: limits.expansion,
    open,
    ask,
    onExpansion: () => refused('body_expansion'),
    onTinyChunks: () => refused('body_structure'),
    read: (source) => readers[bodyLimit](ctx, source),
  });
  const parse = (): unknown => {
    if (rawBody || !(isJsonType(type) || type === formType)) return body;
    const bytes = body instanceof ByteBlocks ? body.joined() : body;
    if (isJsonType(type)) return parseJson(bytes, limits.jsonShape, refused);
    return parseQuery(textOf(bytes), limits.queryParameters, 'body');
  };
  try {
    return { value: await parse(), bytes: body.byteLength, release };
  } catch (error) {
    release();
    throw error;
  }
};
