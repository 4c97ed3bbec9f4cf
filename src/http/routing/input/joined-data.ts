import type { Transform } from 'node:stream';

/** An event of the multipart parser of formidable: `partData` has bytes of the content of a part. */
type ParserEvent = {
  readonly name: string;
  readonly buffer?: Buffer;
  readonly start?: number;
  readonly end?: number;
};
type DataEvent = Required<ParserEvent>;

const isData = (event: ParserEvent | null): event is DataEvent => event?.name === 'partData';

/** What this module uses of the parser. `lookbehind`: the start of what may be a boundary. */
export type MultipartParser = Transform & { readonly lookbehind: Buffer };

/**
 * Joins the events of content that the multipart parser of formidable makes of one piece. Each carriage return can be the start of a
 * boundary, and the parser makes an event of one byte when it is not. An event costs 2 to 3 microseconds in its
 * listeners, so a file of carriage returns would hold the event loop for as long as it arrives.
 */
export const joinData = (parser: MultipartParser): void => {
  let piece: Buffer = Buffer.alloc(0);
  /** An event that nothing has followed yet, so its bytes are not copied. */
  let only: DataEvent | undefined;
  let joined: Buffer | undefined;
  let length = 0;
  const push = parser.push.bind(parser);
  const transform = parser._transform.bind(parser);

  const add = ({ buffer, start, end }: DataEvent): void => {
    joined ??= Buffer.allocUnsafe(piece.length + parser.lookbehind.length);
    length += buffer.copy(joined, length, start, end);
  };
  const handOn = (): void => {
    if (joined !== undefined) push({ name: 'partData', buffer: joined, start: 0, end: length });
    else if (only !== undefined) push(only);
    only = undefined;
    joined = undefined;
    length = 0;
  };

  parser.push = (event: ParserEvent | null) => {
    if (!isData(event)) {
      handOn();
      return push(event);
    }
    const isFirst = only === undefined && joined === undefined;
    // The parser writes the next false start in the place of this one, so its bytes are copied.
    if (isFirst && event.buffer === piece) {
      only = event;
      return true;
    }
    if (only !== undefined) add(only);
    only = undefined;
    add(event);
    return true;
  };
  parser._transform = (bytes: Buffer, encoding, done) => {
    piece = bytes;
    transform(bytes, encoding, (error) => {
      handOn();
      done(error);
    });
  };
};
