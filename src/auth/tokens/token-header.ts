import { isCanonicalBase64url, parseStrictObject } from './strict-json.ts';
import { tokenRefused } from './token-refusal.ts';

export type TokenHeader = {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly typ: string | undefined;
};

/** A longer token is refused before it is parsed. Node itself limits the header section to 16 KiB. */
const maxTokenCharacters = 8192;
const maxHeaderCharacters = 2048;

/**
 * Reads the protected header of a compact JWS, whose three parts must be canonical base64url. `jku`, `x5u`, `x5c` and `jwk`
 * are ignored, because keys come only from the key ring.
 * @throws AppError `token_malformed`
 */
export const readHeader = (token: string): TokenHeader => {
  if (token.length > maxTokenCharacters) throw tokenRefused('token_malformed');
  const parts = token.split('.');
  const [protectedHeader = '', payload = ''] = parts;
  if (parts.length !== 3 || protectedHeader.length > maxHeaderCharacters) throw tokenRefused('token_malformed');
  if (payload === '' || !parts.every(isCanonicalBase64url)) throw tokenRefused('token_malformed');

  const header = parseStrictObject(Buffer.from(protectedHeader, 'base64url'));
  // No extension is supported, so `crit` is refused (RFC 7515 section 4.1.11), and `b64` too (RFC 7797).
  if (!header || 'crit' in header || 'b64' in header) throw tokenRefused('token_malformed');
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !isOptionalString(kid) || !isOptionalString(typ))
    throw tokenRefused('token_malformed');
  return { alg, kid, typ };
};

const isOptionalString = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === 'string';
