/** A message between the service and a pricing process: plain data (head) and uninterpreted bytes (body). */
export type Frame<Head> = { readonly head: Head; readonly body: readonly Uint8Array[] };

/**
 * A frame travels in one or more parts, because a large body must not delay the frames after it. Parts of several frames
 * may alternate. Before each part there are four numbers of 32 bits, little-endian.
 */
export type PartPrefix = {
  /** Tells frames apart whose parts alternate. */
  readonly number: number;
  /** Bytes of the head, which is JSON. It precedes the body in the first part; 0 in all later parts. */
  readonly headBytes: number;
  /** Bytes of the body in this part. */
  readonly partBytes: number;
  /** Bytes of the body in later parts. The frame is complete when there are none. */
  readonly restBytes: number;
};

export const prefixBytes = 16;

export const writePrefix = ({ number, headBytes, partBytes, restBytes }: PartPrefix): Buffer => {
  const prefix = Buffer.allocUnsafe(prefixBytes);
  prefix.writeUInt32LE(number, 0);
  prefix.writeUInt32LE(headBytes, 4);
  prefix.writeUInt32LE(partBytes, 8);
  prefix.writeUInt32LE(restBytes, 12);
  return prefix;
};

export const readPrefix = (prefix: Buffer): PartPrefix => ({
  number: prefix.readUInt32LE(0),
  headBytes: prefix.readUInt32LE(4),
  partBytes: prefix.readUInt32LE(8),
  restBytes: prefix.readUInt32LE(12),
});

/** Means that the rest of the frame does not follow, so that the receiver must forget the part that it has. */
export const isWithdrawal = ({ headBytes, partBytes, restBytes }: PartPrefix): boolean =>
  headBytes === 0 && partBytes === 0 && restBytes === 0;
