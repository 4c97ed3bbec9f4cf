import type { Config } from '../../config/index.ts';

/** The issuer of tokens where neither JWT_ISSUER nor PUBLIC_URL is set. It is the same for all instances. */
const defaultIssuer = 'https://volwatch.local';

export type TokenIssuerNames = {
  /** `iss` of new access tokens. */
  readonly issuer: string;
  /** Issuers whose tokens are accepted too. */
  readonly formerIssuers: readonly string[];
};

/** A URL without the slash at its end, as an issuer identifier has it. */
export const withoutSlash = (url: string): string => url.replace(/(?<!\/)\/+$/, '');

/**
 * The `iss` of access tokens is the issuer of the metadata where PUBLIC_URL is set, because resource servers compare the
 * two (RFC 9068 section 4). Without PUBLIC_URL the listening address is not used: it differs by instance, and all
 * instances must accept each token. Earlier releases used the default with PUBLIC_URL too, so those tokens stay valid.
 */
export const tokenIssuerOf = ({ JWT_ISSUER: set, PUBLIC_URL: publicUrl }: Config): TokenIssuerNames => {
  if (set !== undefined) return { issuer: set, formerIssuers: [] };
  if (publicUrl === undefined) return { issuer: defaultIssuer, formerIssuers: [] };
  return { issuer: withoutSlash(publicUrl), formerIssuers: [defaultIssuer] };
};
