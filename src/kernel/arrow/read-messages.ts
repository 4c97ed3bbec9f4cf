import { contradiction, notArrow, unsupported } from './faults.ts';
import { tableAt, type FlatTable } from './flat-table.ts';

/** One message of a stream. `view` is its metadata; the offsets of `header` are positions in `view`. */
export type ArrowMessage = {
  readonly kind: 'schema' | 'dictionary' | 'batch';
  readonly header: FlatTable;
  readonly view: DataView;
  readonly body: Uint8Array;
};

/** Max messages of one stream: schema, dictionaries and batches. */
export const maxMessages = 10_000;

const kinds: Readonly<Record<number, ArrowMessage['kind']>> = { 1: 'schema', 2: 'dictionary', 3: 'batch' };
/** The enum values of metadata versions 4 and 5. Older versions are from 2017 and earlier. */
const versions = new Set([3, 4]);
export const continuation = 0xff_ff_ff_ff;
const fileMagic = Buffer.from('ARROW1');

export const isFile = (bytes: Uint8Array): boolean => fileMagic.every((byte, index) => bytes[index] === byte);

/**
 * The metadata of a message.
 * @throws AppError `malformed_body`, `validation_failed` for an unsupported feature
 */
export const readMetadata = (
  view: DataView,
): { readonly kind: ArrowMessage['kind']; readonly header: FlatTable; readonly bodyBytes: number } => {
  const message = tableAt(view, 0);
  if (!versions.has(message.int16(0))) throw unsupported('Arrow streams of metadata version 4 or 5 are read');
  // The custom metadata of the message is not used, but its length is checked like every other length.
  message.vector(4, 4);
  const kind = kinds[message.uint8(1)];
  const header = message.table(2);
  if (kind === undefined || header === undefined) {
    throw unsupported('An Arrow stream may hold a schema, dictionaries and record batches');
  }
  return { kind, header, bodyBytes: message.size(3) };
};

/**
 * The messages of a stream, in order. Each message has at least the bytes of its metadata, so there are no more steps
 * than bytes. The body of a message is always inside the stream.
 * @throws AppError `malformed_body`, `validation_failed` for an unsupported feature
 */
export function* readMessages(bytes: Uint8Array): Generator<ArrowMessage> {
  if (isFile(bytes)) throw notArrow('it is an Arrow file; send the stream format');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;
  for (let count = 0; position < bytes.length; count++) {
    if (count === maxMessages) throw unsupported(`An Arrow stream may have at most ${maxMessages} messages`);
    /** An error in the first message means that the body is not an Arrow stream. */
    const fault = count === 0 ? notArrow : contradiction;
    const take = (length: number, what: string): number => {
      const start = position;
      if (length > bytes.length - start) throw fault(`it ends inside ${what}`);
      position += length;
      return start;
    };
    let length = view.getUint32(take(4, 'the length of a message'), true);
    // Streams from before 2019 do not have the continuation marker.
    if (length === continuation) length = view.getUint32(take(4, 'the length of a message'), true);
    if (length === 0) break;
    const start = take(length, 'the metadata of a message');
    const metadata = new DataView(bytes.buffer, bytes.byteOffset + start, length);
    const { kind, header, bodyBytes } = readMetadata(metadata);
    const bodyStart = take(bodyBytes, 'the body of a message');
    const body = new Uint8Array(bytes.buffer, bytes.byteOffset + bodyStart, bodyBytes);
    yield { kind, header, view: metadata, body };
  }
  if (position < bytes.length) throw contradiction('bytes follow the end of the stream');
}
