import { SignJWT } from 'jose';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { assertOutsideTransaction } from '#src/kernel/ports/unit-of-work.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import type { Scope } from '#src/kernel/requests/principal.ts';
import type { KeyRing } from '../keys/key-ring.ts';

export type TokenIssuerDeps = {
  readonly keyRing: KeyRing;
  readonly issuer: string;
  readonly audience: string;
  readonly lifetimeSeconds: number;
  readonly clock: Clock;
};

/** The client or user of a token. `subject` must not contain `@`, because that marks tokens of the earlier system. */
type TokenSubject =
  | { readonly kind: 'client'; readonly subject: string }
  | {
      readonly kind: 'user';
      readonly subject: string;
      readonly email: string;
      readonly role: string;
      /** The user asked for fewer scopes than could be had. */
      readonly isNarrowed: boolean;
    };

export type IssuedToken = {
  readonly accessToken: string;
  readonly tokenId: string;
  readonly expiresInSeconds: number;
  readonly expiresAt: Date;
  /** Space-separated. */
  readonly scope: string;
};

/** A token whose signature is still to be made. Signatures wait for a thread, so they must not be made in a transaction. */
export type PreparedToken = Omit<IssuedToken, 'accessToken'> & { readonly sign: () => Promise<IssuedToken> };

export type TokenIssuer = {
  /** Prepares an access token (RFC 9068, `typ: at+jwt`). `sign` signs it with the present signing key of the ring. */
  readonly prepare: (subject: TokenSubject, scopes: readonly Scope[]) => PreparedToken;
};

export const createTokenIssuer = (deps: TokenIssuerDeps): TokenIssuer => ({
  prepare: (subject, scopes) => {
    const { id, algorithm, privateKey } = deps.keyRing.signing;
    const now = deps.clock.now();
    const issuedAt = Math.floor(now.getTime() / 1000);
    const tokenId = uuidv7(now.getTime());
    const scope = scopes.join(' ');
    const subjectClaims =
      subject.kind === 'user'
        ? { email: subject.email, role: subject.role, ...(subject.isNarrowed && { narrowed: true }) }
        : { client_id: subject.subject };
    const expiresAtSeconds = issuedAt + deps.lifetimeSeconds;
    const expiresAt = new Date(expiresAtSeconds * 1000);
    const token = { tokenId, expiresInSeconds: deps.lifetimeSeconds, expiresAt, scope };
    const unsigned = new SignJWT({ scope, ...subjectClaims })
      .setProtectedHeader({ alg: algorithm, kid: id, typ: 'at+jwt' })
      .setIssuer(deps.issuer)
      .setAudience(deps.audience)
      .setSubject(subject.subject)
      .setJti(tokenId)
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(expiresAtSeconds);
    const sign = async (): Promise<IssuedToken> => {
      assertOutsideTransaction('The signature of a token');
      return { ...token, accessToken: await unsigned.sign(privateKey) };
    };
    return { ...token, sign };
  },
});
