import { makeData, RecordBatchStreamWriter, Utf8, type Data, type RecordBatch } from 'apache-arrow';

/** Arrow's validity bitmap: a bit for each row whose flag is `valid`. */
export const validity = (flags: Uint8Array, valid: 0 | 1): Uint8Array => {
  const bits = new Uint8Array(Math.ceil(flags.length / 64) * 8);
  for (let index = 0; index < flags.length; index++) {
    if (flags[index] === valid) bits[index >> 3] = bits[index >> 3]! | (1 << (index & 7));
  }
  return bits;
};

/** A column of texts that are all null. */
export const nullTexts = (length: number): Data =>
  makeData({
    type: new Utf8(),
    length,
    nullCount: length,
    nullBitmap: new Uint8Array(Math.ceil(length / 64) * 8),
    valueOffsets: new Int32Array(length + 1),
    data: new Uint8Array(0),
  });

/** A column of texts; null where `texts` has undefined. */
export const utf8Data = (texts: readonly (string | undefined)[]): Data => {
  const length = texts.length;
  const valueOffsets = new Int32Array(length + 1);
  const isNull = new Uint8Array(length);
  const parts: Buffer[] = [];
  let nullCount = 0;
  let end = 0;
  texts.forEach((text, index) => {
    if (text === undefined) {
      isNull[index] = 1;
      nullCount += 1;
    } else {
      const bytes = Buffer.from(text);
      parts.push(bytes);
      end += bytes.length;
    }
    valueOffsets[index + 1] = end;
  });
  const nullBitmap = validity(isNull, 0);
  return makeData({ type: new Utf8(), length, nullCount, nullBitmap, valueOffsets, data: Buffer.concat(parts) });
};

/** An Arrow IPC stream of one batch. */
export const streamOf = (batch: RecordBatch): Uint8Array => {
  const writer = new RecordBatchStreamWriter();
  writer.write(batch);
  writer.finish();
  return writer.toUint8Array(true);
};
