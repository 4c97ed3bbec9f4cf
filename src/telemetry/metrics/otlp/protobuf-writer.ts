/**
 * Writes protobuf from the last field to the first, so that the length of a nested message is known when it is written.
 * A method for a field writes its value and then its tag.
 */
export type ProtobufWriter = {
  readonly text: (field: number, value: string) => void;
  readonly hex: (field: number, value: string) => void;
  readonly varint: (field: number, value: number) => void;
  readonly double: (field: number, value: number) => void;
  readonly fixed64: (field: number, value: bigint) => void;
  readonly doubles: (field: number, values: readonly number[]) => void;
  readonly counts: (field: number, values: readonly number[]) => void;
  /** `write` must write the fields of the message from the last to the first. */
  readonly message: (field: number, write: () => void) => void;
  /** The bytes written so far. */
  readonly finish: () => Uint8Array;
};

const wire = { varint: 0, fixed64: 1, length: 2 } as const;

export const createProtobufWriter = (initialBytes = 65_536): ProtobufWriter => {
  let buffer = Buffer.allocUnsafe(initialBytes);
  let start = buffer.length;

  /** Makes place for `bytes` before what is written, and returns where they begin. */
  const take = (bytes: number): number => {
    if (start < bytes) {
      const larger = Buffer.allocUnsafe(buffer.length * 2 + bytes);
      const begin = larger.length - (buffer.length - start);
      buffer.copy(larger, begin, start);
      buffer = larger;
      start = begin;
    }
    start -= bytes;
    return start;
  };
  const plainVarint = (value: number): void => {
    let bytes = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes += 1;
    let at = take(bytes);
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) buffer[at++] = (rest % 128) | 128;
    buffer[at] = rest;
  };
  const tag = (field: number, type: number): void => plainVarint(field * 8 + type);
  const written = (): number => buffer.length - start;
  const message = (field: number, write: () => void): void => {
    const before = written();
    write();
    plainVarint(written() - before);
    tag(field, wire.length);
  };
  const plainDouble = (value: number): void => {
    const at = take(8);
    buffer.writeDoubleLE(value, at);
  };
  const plainFixed64 = (value: bigint): void => {
    const at = take(8);
    buffer.writeBigUInt64LE(value, at);
  };

  return {
    text: (field, value) =>
      message(field, () => {
        const at = take(Buffer.byteLength(value));
        buffer.write(value, at);
      }),
    hex: (field, value) =>
      message(field, () => {
        const at = take(value.length / 2);
        buffer.write(value, at, 'hex');
      }),
    varint: (field, value) => {
      plainVarint(value);
      tag(field, wire.varint);
    },
    double: (field, value) => {
      plainDouble(value);
      tag(field, wire.fixed64);
    },
    fixed64: (field, value) => {
      plainFixed64(value);
      tag(field, wire.fixed64);
    },
    doubles: (field, values) => message(field, () => values.toReversed().forEach(plainDouble)),
    counts: (field, values) =>
      message(field, () => values.toReversed().forEach((value) => plainFixed64(BigInt(value)))),
    message,
    finish: () => buffer.subarray(start),
  };
};
