import { PassThrough, Writable } from 'node:stream';
import { HttpMethodEnum, koaBody } from 'koa-body';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { FileStream } from '#src/kernel/body-stream.ts';
import { inParts, maxPartBytes } from '#src/kernel/streams/in-parts.ts';
import { nextTurnOfLoop } from '#src/kernel/streams/turns.ts';
import { BodySource } from '../../admission/body-source.ts';
import type { HttpContext } from '../types.ts';
import { safeMultipart } from './form-parser.ts';
import { koaBodyView } from './koa-body-view.ts';

/**
 * Max bytes of a form beside its file: boundaries and the headers of the parts. formidable itself has no such limit, and
 * reads a file name with an expression whose time grows with the square of the header: 120 KB cost 0.6 s, 12 KB 6 ms.
 */
const maxOverheadBytes = 4_096;
/** Max turns of the event loop that the parser needs to hand on what it was given. */
const maxTurns = 8;

/** Media types by the end of the file name, because clients know few of them: curl sends `application/octet-stream`. */
const typesByEnding: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
  jsonl: 'application/x-ndjson',
  arrow: 'application/vnd.apache.arrow.stream',
  arrows: 'application/vnd.apache.arrow.stream',
};

type Part = { readonly mimetype?: string | null; readonly originalFilename?: string | null };

const typeOf = ({ mimetype, originalFilename }: Part): string => {
  const ending = originalFilename?.toLowerCase().split('.').at(-1) ?? '';
  if (Object.hasOwn(typesByEnding, ending)) return typesByEnding[ending]!;
  return (mimetype ?? '').toLowerCase().split(';', 1)[0]!.trim();
};

const onlyFile = (detail: string): AppError =>
  new AppError('validation_failed', undefined, { errors: [{ pointer: '', code: 'invalid_value', detail }] });
const tooMany = (): AppError => onlyFile('The form may have one file and nothing else. Options belong in the query');

const formFault = (error: unknown): AppError =>
  error instanceof AppError ? error : new AppError('malformed_body', 'The form cannot be parsed', { cause: error });

/** Emits the pieces, and waits while the parser has paused the source. */
const feed = async (
  pieces: AsyncIterable<Buffer>,
  source: BodySource,
  { resumed, keptBytes }: { readonly resumed: () => Promise<void>; readonly keptBytes: () => number },
): Promise<void> => {
  let fed = 0;
  // One part of the body may be in the parser.
  const isOver = (): boolean => fed - keptBytes() > maxOverheadBytes + maxPartBytes;
  for await (const piece of pieces) {
    for (let turn = 0; isOver(); turn += 1) {
      if (turn === maxTurns) throw tooMany();
      await nextTurnOfLoop();
      await resumed();
    }
    fed += piece.length;
    source.emit('data', piece);
    await resumed();
  }
  source.emit('end');
};

/**
 * Parses a form with koa-body, and gives its only file to `consume` while it arrives. Nothing is written to a disk.
 * @throws AppError `malformed_body`, `validation_failed`, or the errors of `pieces` and of `consume`
 */
export const readFormFile = async <T>(
  ctx: HttpContext,
  { pieces, signal }: Pick<FileStream, 'pieces' | 'signal'>,
  consume: (file: FileStream) => Promise<T>,
): Promise<T> => {
  let pause: PromiseWithResolvers<void> | undefined;
  const source = new BodySource(ctx.req.headers['content-type'], {
    pause: () => (pause ??= Promise.withResolvers()),
    resume: () => {
      pause?.resolve();
      pause = undefined;
    },
  });
  const bytes = new PassThrough({ highWaterMark: 262_144 });
  bytes.on('error', () => {});
  const found = Promise.withResolvers<string>();
  let files = 0;
  let keptBytes = 0;
  /** formidable destroys this stream after an error, so it is not the one that `consume` reads. */
  const keep = (part: Part): Writable => {
    files += 1;
    if (files > 1) {
      // An error that is thrown here would be an unhandled rejection.
      source.emit('error', tooMany());
      return new Writable({ write: (_chunk, _encoding, done) => done() });
    }
    found.resolve(typeOf(part));
    return new Writable({
      // Nothing waits in this stream, so that `keptBytes` counts what the parser has handed on.
      highWaterMark: 0,
      write: (chunk: Buffer, _, done) => {
        keptBytes += chunk.length;
        if (bytes.write(chunk)) done();
        else bytes.once('drain', done);
      },
    });
  };
  const parse = koaBody({
    multipart: true,
    json: false,
    text: false,
    urlencoded: false,
    parsedMethods: Object.values(HttpMethodEnum),
    formidable: {
      enabledPlugins: [safeMultipart],
      // The second file is refused by `keep`, with the error of this service.
      maxFiles: Infinity,
      maxFieldsSize: maxOverheadBytes,
      maxFileSize: Number.MAX_SAFE_INTEGER,
      maxTotalFileSize: Number.MAX_SAFE_INTEGER,
      allowEmptyFiles: true,
      minFileSize: 0,
      fileWriteStreamHandler: keep as unknown as () => Writable,
    },
  });

  const parsing = (async (): Promise<void> => {
    await parse(koaBodyView(ctx, source), async () => {});
    if (Object.keys((ctx.request.body as object | undefined) ?? {}).length > 0) throw tooMany();
    if (files === 0) throw onlyFile('The form has no file: add one with a file name and a Content-Type');
  })();
  const failed = parsing.then(
    () => bytes.end(),
    (error: unknown) => {
      bytes.destroy(formFault(error));
      found.reject(formFault(error));
    },
  );
  const feeding = feed(inParts(pieces, { signal }), source, {
    resumed: async () => pause?.promise,
    keptBytes: () => keptBytes,
  });
  // Not awaited: after an error of `consume` the source sends nothing more.
  feeding.catch((error: unknown) => source.emit('error', error));
  const mediaType = await found.promise;
  const value = await consume({ mediaType, pieces: bytes, signal });
  await failed;
  await parsing.catch((error: unknown) => {
    throw formFault(error);
  });
  return value;
};
