import { messagesOf } from '#testkit/arrow/streams.ts';
import { byteChanges, createMutate, maxMutantBytes, type Change } from './mutate-bytes.ts';

/** Splits a stream into its messages. A stream that cannot be read becomes one part. */
const partsOf = (bytes: Uint8Array): Uint8Array[] => {
  try {
    return messagesOf(bytes);
  } catch {
    return [bytes];
  }
};

const repeatMessage: Change = ({ below, pick }, bytes) => {
  const parts = partsOf(bytes);
  const at = below(parts.length);
  const times = Math.min(2 + below(pick([2, 20, 500])), Math.ceil(maxMutantBytes / Math.max(1, parts[at]!.length)));
  return Buffer.concat(
    parts.flatMap((part, index) => (index === at ? Array.from({ length: times }, () => part) : [part])),
  );
};
const removeMessage: Change = ({ below }, bytes) => {
  const parts = partsOf(bytes);
  return Buffer.concat(parts.toSpliced(below(parts.length), 1));
};
/** Inserts a message of another stream, or replaces a message by it. The other stream may have a different schema. */
const foreignMessage: Change = ({ below, pick }, bytes, samples) => {
  const parts = partsOf(bytes);
  return Buffer.concat(parts.toSpliced(1 + below(parts.length), below(2), pick(partsOf(pick(samples)))));
};
/** Overwrites 1 to 16 words from a random position on, for example indices, text offsets and dictionary entries. */
const hostileBody: Change = ({ below, pick }, bytes) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = below(bytes.length >> 2) * 4;
  const step = pick([4, 8]);
  for (let at = start, count = 1 + below(16); count > 0 && at + 4 <= bytes.length; count--, at += step) {
    view.setInt32(at, pick([-1, 0, 1, 2, 7, 2 ** 20, 2 ** 31 - 1, -(2 ** 31)]), true);
  }
  return bytes;
};

export const mutateArrow = createMutate([
  repeatMessage,
  removeMessage,
  foreignMessage,
  hostileBody,
  hostileBody,
  ...byteChanges,
]);
