import { isAscii, isUtf8 } from 'node:buffer';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { parseInParts } from '#src/kernel/json/parse-in-parts.ts';
import { malformedJson } from '#src/kernel/requests/json-fault.ts';
import type { Steps } from '#src/kernel/streams/turns.ts';

/** Of bytes that are valid UTF-8. */
const decode = (bytes: Buffer): string => bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8');

const validBytes = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => {
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  if (!isAscii(bytes) && !isUtf8(bytes)) throw new AppError('malformed_body', 'The body is not valid UTF-8');
  return bytes;
};

/**
 * The value of a JSON body whose size was checked before.
 * @throws AppError `malformed_body`
 */
export const parseJsonBytes = (given: Uint8Array): unknown => {
  const text = decode(validBytes(given));
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformedJson(text, cause);
  }
};

/** A shorter text takes few milliseconds. */
const minBytesInParts = 1_048_576;

/**
 * The same in steps, for texts of megabytes: the text is decoded in parts, because it would take twice its bytes beside the values.
 * @throws AppError `malformed_body`
 */
export const parseJsonSteps = function* (given: Uint8Array): Steps<unknown> {
  if (given.byteLength >= minBytesInParts) {
    const bytes = validBytes(given);
    const parsed = yield* parseInParts(bytes, (from, to) => decode(bytes.subarray(from, to)));
    if (parsed !== undefined) return parsed.value;
  }
  return parseJsonBytes(given);
};
