import { createHash, randomInt } from 'node:crypto';

const codes = 10;
/** 16 of 32 characters are 80 bits, so a fast digest is enough. */
const characters = 16;
const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';

/** `abcd-efgh-ijkm-npqr`. */
export const newRecoveryCodes = (): string[] =>
  Array.from({ length: codes }, () =>
    Array.from({ length: characters }, () => alphabet[randomInt(alphabet.length)])
      .join('')
      .replaceAll(/(.{4})(?=.)/g, '$1-'),
  );

/** Dashes, blanks and capital letters do not count, because users type the code from paper. */
export const recoveryCodeDigest = (code: string): Buffer =>
  createHash('sha256').update(code.replaceAll(/[\s-]/g, '').toLowerCase()).digest();
