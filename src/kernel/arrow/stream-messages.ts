import { AppError } from '../catalogue/errors.ts';
import { contradiction, notArrow, unsupported } from './faults.ts';
import { continuation, isFile, readMetadata, type ArrowMessage } from './read-messages.ts';

/** Max bytes of the metadata of a message. A schema of a few columns has about a kilobyte. */
const maxMetadataBytes = 1_048_576;
/** Max messages of a stream that is read while it arrives. A message of a few rows costs some microseconds. */
const maxStreamedMessages = 100_000;

export type StreamedMessagesOptions = {
  /** Max bytes of the body of a batch, which is in memory as a whole. */
  readonly maxBatchBytes: number;
  /** Max bytes of the body of a dictionary. */
  readonly maxDictionaryBytes: number;
};

/** Collects exact numbers of bytes from pieces. */
const createCollector = (pieces: AsyncIterable<Buffer>) => {
  const iterator = pieces[Symbol.asyncIterator]();
  let piece: Buffer = Buffer.alloc(0);
  return {
    /** @returns exactly `length` bytes, which nobody else uses; fewer at the end of the stream */
    take: async (length: number): Promise<Buffer> => {
      // Not from the pool, and not filled: pages that nothing is written to take no memory, so a length that is only
      // announced costs nothing.
      const bytes = Buffer.allocUnsafeSlow(length);
      let filled = 0;
      while (filled < length) {
        if (piece.length === 0) {
          const next = await iterator.next();
          if (next.done === true) return bytes.subarray(0, filled);
          piece = next.value;
        }
        const copied = piece.copy(bytes, filled, 0, length - filled);
        filled += copied;
        piece = piece.subarray(copied);
      }
      return bytes;
    },
  };
};

/**
 * The messages of an Arrow IPC stream while it arrives, one in memory at a time. Each length is checked before its bytes
 * are awaited.
 * @throws AppError `malformed_body`, `payload_too_large`, `validation_failed` for an unsupported feature
 */
export const streamMessages = async function* (
  pieces: AsyncIterable<Buffer>,
  { maxBatchBytes, maxDictionaryBytes }: StreamedMessagesOptions,
): AsyncGenerator<ArrowMessage, void, undefined> {
  const { take } = createCollector(pieces);
  for (let count = 0; ; count += 1) {
    /** An error in the first message means that the body is not an Arrow stream. */
    const fault = count === 0 ? notArrow : contradiction;
    const takeAll = async (length: number, what: string): Promise<Buffer> => {
      const bytes = await take(length);
      if (bytes.length < length) throw fault(`it ends inside ${what}`);
      return bytes;
    };
    const takeLength = async (): Promise<number | undefined> => {
      const bytes = await take(4);
      // A stream may end without its end mark, between two messages.
      if (bytes.length === 0 && count > 0) return undefined;
      if (bytes.length < 4) throw fault('it ends inside the length of a message');
      return bytes.readUInt32LE();
    };
    let length = await takeLength();
    if (length === continuation) length = (await takeAll(4, 'the length of a message')).readUInt32LE();
    if (length === undefined || length === 0) break;
    if (count === maxStreamedMessages) {
      throw unsupported(`An Arrow stream may have at most ${maxStreamedMessages} messages: write larger batches`);
    }
    if (length > maxMetadataBytes) {
      const start = Buffer.alloc(8);
      start.writeUInt32LE(length);
      (await take(4)).copy(start, 4);
      if (count === 0 && isFile(start)) throw notArrow('it is an Arrow file; send the stream format');
      throw fault('the metadata of a message is too large');
    }
    const metadata = await takeAll(length, 'the metadata of a message');
    const view = new DataView(metadata.buffer, metadata.byteOffset, metadata.byteLength);
    const { kind, header, bodyBytes } = readMetadata(view);
    if (kind === 'schema' && bodyBytes > 0) throw fault('a schema has a body');
    const maxBytes = kind === 'batch' ? maxBatchBytes : maxDictionaryBytes;
    if (bodyBytes > maxBytes) {
      throw new AppError(
        'payload_too_large',
        `A ${kind} of an Arrow stream may have at most ${maxBytes} bytes: write ${kind === 'batch' ? 'smaller batches' : 'a smaller dictionary'}`,
      );
    }
    yield { kind, header, view, body: await takeAll(bodyBytes, 'the body of a message') };
  }
  if ((await take(1)).length > 0) throw contradiction('bytes follow the end of the stream');
};
