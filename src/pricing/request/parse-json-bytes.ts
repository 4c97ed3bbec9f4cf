import { isAscii, isUtf8 } from 'node:buffer';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { malformedJson } from '#src/kernel/requests/json-fault.ts';

const textOf = ({ buffer, byteOffset, byteLength }: Uint8Array): string => {
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  if (isAscii(bytes)) return bytes.toString('latin1');
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw new AppError('malformed_body', 'The body is not valid UTF-8');
};

/**
 * The value of a JSON body whose size was checked before.
 * @throws AppError `malformed_body`
 */
export const parseJsonBytes = (bytes: Uint8Array): unknown => {
  const text = textOf(bytes);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformedJson(text, cause);
  }
};
