import { isAscii, isUtf8 } from 'node:buffer';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { parseInParts } from '#src/kernel/json/parse-in-parts.ts';
import { malformedJson, maxCharacters } from '#src/kernel/requests/json-fault.ts';
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
/** A character of four bytes counts as two. */
const maxBytesOfCharacter = 3;

/**
 * The same in steps, for texts of megabytes: the text is decoded in parts, because it would take twice its bytes beside the values.
 * @param collect called when parts are not JSON, because their values must not stay while the fault is found
 * @throws AppError `malformed_body`
 */
export const parseJsonSteps = function* (given: Uint8Array, collect = (): void => {}): Steps<unknown> {
  if (given.byteLength >= minBytesInParts) {
    const bytes = validBytes(given);
    const textOf = (from: number, to: number): string => decode(bytes.subarray(from, to));
    const parsed = yield* parseInParts(bytes, textOf, { collect });
    if (parsed !== undefined && 'value' in parsed) return parsed.value;
    const start = textOf(0, maxCharacters * maxBytesOfCharacter);
    // Only the whole text tells whether it is empty.
    if (parsed !== undefined && start.trim() !== '') throw malformedJson(start, parsed.cause, parsed);
  }
  return parseJsonBytes(given);
};
