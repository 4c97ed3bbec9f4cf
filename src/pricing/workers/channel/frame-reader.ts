import { isWithdrawal, prefixBytes, readPrefix, type Frame, type PartPrefix } from './frame.ts';

export type FrameReaderOptions<Head> = {
  readonly onFrame: (frame: Frame<Head>) => void;
  /** Called at the head of a frame whose body has not arrived. */
  readonly onBody?: (head: Head, bodyBytes: number) => void;
  /**
   * True if each piece has its own memory, which is not reused. Then a body consists of the pieces and is not copied.
   */
  readonly keepsPieces: boolean;
};

/** A frame of which not all parts have arrived. */
type OpenFrame<Head> = {
  readonly head: Head;
  /** The pieces, or one buffer of the size of the body. */
  readonly body: Uint8Array[];
  /** Bytes of the body that have arrived. */
  filled: number;
};

/**
 * Reads frames from the pieces in which their parts arrive. Without `keepsPieces`, each byte of a body is copied once, into
 * a buffer of the announced size.
 * @returns a function that takes the next piece
 */
export const createFrameReader = <Head>(options: FrameReaderOptions<Head>): ((piece: Uint8Array) => void) => {
  const { onFrame, onBody, keepsPieces } = options;
  const open = new Map<number, OpenFrame<Head>>();
  const prefixBuffer = Buffer.alloc(prefixBytes);
  /** Undefined while the prefix is read. */
  let prefix: PartPrefix | undefined;
  /** Undefined before and after the head is read. */
  let head: Buffer | undefined;
  /** Bytes already read of the prefix or of the head. */
  let filled = 0;
  /** Bytes of the body that are missing in this part. */
  let missing = 0;

  /** Copies bytes until `target` is full. @returns the rest of the piece */
  const fill = (target: Uint8Array, piece: Uint8Array): Uint8Array => {
    const taken = piece.subarray(0, target.byteLength - filled);
    target.set(taken, filled);
    filled += taken.byteLength;
    return piece.subarray(taken.byteLength);
  };

  const endPart = ({ number, restBytes }: PartPrefix): void => {
    prefix = undefined;
    filled = 0;
    const frame = open.get(number);
    if (frame === undefined || restBytes > 0) return;
    open.delete(number);
    onFrame({ head: frame.head, body: frame.body });
  };

  const startPart = (started: PartPrefix): void => {
    prefix = started;
    filled = 0;
    missing = started.partBytes;
    if (started.headBytes > 0) head = Buffer.allocUnsafe(started.headBytes);
    else if (isWithdrawal(started)) {
      open.delete(started.number);
      endPart(started);
    }
  };

  const endHead = (text: Buffer, started: PartPrefix): void => {
    const { number, partBytes, restBytes } = started;
    const bodyBytes = partBytes + restBytes;
    const body = keepsPieces || bodyBytes === 0 ? [] : [Buffer.allocUnsafeSlow(bodyBytes)];
    const frame = { head: JSON.parse(text.toString()) as Head, body, filled: 0 };
    open.set(number, frame);
    head = undefined;
    if (bodyBytes > 0) onBody?.(frame.head, bodyBytes);
    if (partBytes === 0) endPart(started);
  };

  const takeBody = (piece: Uint8Array, started: PartPrefix): Uint8Array => {
    const taken = piece.subarray(0, missing);
    const frame = open.get(started.number)!;
    if (keepsPieces) frame.body.push(taken);
    else frame.body[0]!.set(taken, frame.filled);
    frame.filled += taken.byteLength;
    missing -= taken.byteLength;
    if (missing === 0) endPart(started);
    return piece.subarray(taken.byteLength);
  };

  return (piece) => {
    let rest = piece;
    while (rest.byteLength > 0) {
      if (prefix === undefined) {
        rest = fill(prefixBuffer, rest);
        if (filled === prefixBytes) startPart(readPrefix(prefixBuffer));
      } else if (head !== undefined) {
        rest = fill(head, rest);
        if (filled === head.length) endHead(head, prefix);
      } else rest = takeBody(rest, prefix);
    }
  };
};
