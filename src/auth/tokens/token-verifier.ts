import { createHash } from 'node:crypto';
import { compactVerify, errors } from 'jose';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Faults } from '#src/kernel/catalogue/faults.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { VerifyingKey } from '../keys/signing-key.ts';
import type { Measure } from '../measured.ts';
import { parseStrictObject } from './strict-json.ts';
import { claimedToken, type ClaimedToken, type ClaimRules } from './token-claims.ts';
import { readHeader, type TokenHeader } from './token-header.ts';
import { isTokenCode, tokenRefused } from './token-refusal.ts';
import { createVerifiedPayloads, type VerifiedPayloads } from './verified-payloads.ts';

export type TokenVerifierDeps = ClaimRules & {
  readonly keyRing: KeyRing;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly faults: Faults;
  readonly measure: Measure;
  /** Whether a valid token is revoked. @throws AppError of a dependency when it cannot be determined */
  readonly isRevoked?: ((principal: Principal) => boolean | Promise<boolean>) | undefined;
};

export type TokenVerifier = {
  /**
   * Checks a token and stops at the first fault. The order is: size, form and header (`token_malformed`), algorithm
   * (`token_algorithm_not_allowed`), key (`token_key_unknown`), signature (`token_signature_invalid`), claims in the order
   * of `claimedToken`, revocation (`token_revoked`). The payload is not read before the signature is verified.
   * @throws AppError a `token_*` code with its RFC 6750 challenge, a 503 of a dependency, `auth_service_error`
   */
  readonly verify: (token: string) => Promise<Principal>;
  /** The same checks for a token in a request body. A refusal is not counted, because it is no failed authentication. */
  readonly inspect: (token: string) => Promise<Principal>;
};

export const createTokenVerifier = (deps: TokenVerifierDeps): TokenVerifier => {
  const { keyRing, clock, metrics, faults, measure, isRevoked } = deps;
  const verified = createVerifiedPayloads();

  /** An injected token error gets the same challenge as a real one. */
  const injectedFault = async (): Promise<void> => {
    try {
      await faults.reach('auth.verify', currentRequest()?.signal);
    } catch (error) {
      throw error instanceof AppError && isTokenCode(error.code) ? tokenRefused(error.code) : error;
    }
  };

  const read = async (token: string): Promise<{ readonly principal: Principal; readonly token: ClaimedToken }> => {
    if (faults.armed('auth.verify')) await injectedFault();
    const header = readHeader(token);
    const payload = parseStrictObject(await signedPayload(token, header, candidateKeys(keyRing, header), verified));
    if (!payload) throw tokenRefused('token_malformed');
    const claimed = claimedToken(payload, header.typ, deps, clock.now().getTime() / 1000);
    const principal = { ...claimed.principal, tokenId: claimed.principal.tokenId ?? substituteId(token) };
    if (isRevoked && (await isRevoked(principal))) throw tokenRefused('token_revoked');
    return { principal, token: claimed };
  };

  const check = async (token: string): Promise<Principal> => {
    const { principal, token: claimed } = await read(token);
    metrics.count('volwatch_auth_tokens_total', { format: claimed.format });
    if (claimed.shape) metrics.count('volwatch_auth_legacy_tokens_total', { shape: claimed.shape });
    for (const lacks of claimed.lacks) metrics.count('volwatch_auth_legacy_omissions_total', { lacks });
    return principal;
  };

  return {
    inspect: (token) => measure('inspect_token', async () => (await read(token)).principal),
    verify: (token) => measure('verify_token', () => check(token)),
  };
};

/** An id for legacy tokens without `jti`, so that they can be revoked: the digest of the signed part. */
const substituteId = (token: string): string =>
  `sha256:${createHash('sha256')
    .update(token.slice(0, token.lastIndexOf('.')))
    .digest('base64url')}`;

/** The keys with the `kid` of the token. Legacy tokens have no `kid`, so all keys of the algorithm are tried. */
const candidateKeys = ({ verifying, algorithms }: KeyRing, { alg, kid }: TokenHeader): readonly VerifyingKey[] => {
  if (!algorithms.has(alg)) throw tokenRefused('token_algorithm_not_allowed');
  const ofAlgorithm = (keys: Iterable<VerifyingKey>) => [...keys].filter(({ algorithm }) => algorithm === alg);
  if (kid === undefined) return ofAlgorithm([...verifying.values()].flat());
  const named = verifying.get(kid);
  if (!named) throw tokenRefused('token_key_unknown');
  const keys = ofAlgorithm(named);
  if (keys.length === 0) throw tokenRefused('token_algorithm_not_allowed');
  return keys;
};

const signedPayload = async (
  token: string,
  { alg }: TokenHeader,
  keys: readonly VerifyingKey[],
  verified: VerifiedPayloads,
): Promise<Uint8Array> => {
  for (const key of keys) {
    const known = verified.of(key, token);
    if (known) return known;
    try {
      const { payload } = await compactVerify(token, key.key, { algorithms: [alg] });
      verified.add(key, token, payload);
      return payload;
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) continue;
      if (error instanceof errors.JWSInvalid) throw tokenRefused('token_malformed');
      throw error;
    }
  }
  throw tokenRefused('token_signature_invalid');
};
