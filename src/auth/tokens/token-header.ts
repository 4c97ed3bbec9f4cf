import { isCanonicalBase64url, parseStrictObject } from './strict-json.ts';
import { tokenRefused } from './token-refusal.ts';

export type TokenHeader = {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly typ: string | undefined;
};

/** Beyond these a token is refused unread; Node's own header limit of 16 KiB stands before them. */
const longestToken = 8192;
const longestHeader = 2048;

/**
 * The protected header of a compact JWS, whose three parts are seen to be canonical base64url.
 * `jku`, `x5u`, `x5c` and `jwk` are ignored: a key comes from the ring or not at all.
 * @throws AppError `token_malformed`
 */
export const readHeader = (token: string): TokenHeader => {
  if (token.length > longestToken) throw tokenRefused('token_malformed');
  const parts = token.split('.');
  const [protectedHeader = '', payload = ''] = parts;
  if (parts.length !== 3 || protectedHeader.length > longestHeader) throw tokenRefused('token_malformed');
  if (payload === '' || !parts.every(isCanonicalBase64url)) throw tokenRefused('token_malformed');

  const header = parseStrictObject(Buffer.from(protectedHeader, 'base64url'));
  // No extension is understood here, so RFC 7515 section 4.1.11 has every `crit` refused; RFC 7797's `b64` likewise.
  if (!header || 'crit' in header || 'b64' in header) throw tokenRefused('token_malformed');
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !isOptionalString(kid) || !isOptionalString(typ))
    throw tokenRefused('token_malformed');
  return { alg, kid, typ };
};

const isOptionalString = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === 'string';
