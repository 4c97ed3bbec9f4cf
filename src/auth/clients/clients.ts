import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { anonymousStream, type AuditTrail } from '#src/kernel/ports/audit.ts';
import type { CredentialLookups } from '#src/kernel/credentials/credential-lookups.ts';
import { scopes, type Scope } from '#src/kernel/requests/principal.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { ClientCredentials } from './client-credentials.ts';
import { createClientReads, type ClientReadsDeps } from './client-reads.ts';
import type { SecretHasher } from '../secrets/secret-hasher.ts';

export type Client = { readonly id: string; readonly scopes: readonly Scope[] };

export type ClientStore = {
  /**
   * @param alternatives the ways to read the credentials of one request; one of them must be right
   * @returns undefined for an unknown client, a revoked client and a wrong secret, after the same time
   * @throws AppError `overloaded`, `rate_limit_exceeded` when many credentials of the address were refused, or an error of a dependency
   */
  readonly authenticate: (alternatives: readonly ClientCredentials[]) => Promise<Client | undefined>;
};

export type ClientStoreDeps = ClientReadsDeps & {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly lookups: CredentialLookups;
  readonly hasher: SecretHasher;
  /** The client of the configuration. It holds all scopes. */
  readonly bootstrap: { readonly id: string; readonly secret: string } | undefined;
};

/** Max entries of the cache of verified secrets. A full cache is cleared. */
const maxVerified = 1_000;

/** Authenticates OAuth clients: first the client of the configuration, then the stored clients. */
export const createClientStore = (deps: ClientStoreDeps): ClientStore => {
  const { unitOfWork, audit, lookups, hasher, bootstrap } = deps;
  const reads = createClientReads(deps);
  // Digests have equal lengths for the constant-time comparison, and the secret itself is not kept in memory.
  const expected = bootstrap && { id: sha256(bootstrap.id), secret: sha256(bootstrap.secret) };
  const matchesBootstrap = (id: string, secret: string): boolean => {
    if (!expected) return false;
    const idMatches = timingSafeEqual(sha256(id), expected.id);
    const secretMatches = timingSafeEqual(sha256(secret), expected.secret);
    return idMatches && secretMatches;
  };

  // A secret that was verified once is recognised by its keyed digest while the stored hash is the same, because clients
  // request tokens often. Only wrong and new secrets need an argon2id computation.
  const memoryKey = randomBytes(32);
  const verified = new Map<string, Buffer>();
  const digest = (secret: string): Buffer => createHmac('sha256', memoryKey).update(secret).digest();

  const isVerified = (secret: string, stored: string): boolean => {
    const known = verified.get(stored);
    return known !== undefined && timingSafeEqual(known, digest(secret));
  };

  const matches = async (secret: string, stored: string | undefined): Promise<boolean> => {
    const { valid } = await hasher.verify(secret, stored);
    if (valid && stored !== undefined) {
      if (verified.size >= maxVerified) verified.clear();
      verified.set(stored, digest(secret));
    }
    return valid;
  };

  const recordRefusal = (id: string | undefined): void =>
    audit.refuse(unitOfWork, {
      stream: id === undefined ? anonymousStream() : `client:${id}`,
      action: 'client.refused',
      target: id ?? 'unknown',
      reason: 'client_credentials_invalid',
    });

  const verify = async (alternatives: readonly ClientCredentials[]): Promise<Client | undefined> => {
    let known: string | undefined;
    for (const { id, secret } of alternatives) {
      const client = await reads.findActive(id);
      if (client && isVerified(secret, client.secret_hash)) return { id: client.id, scopes: client.scopes };
      const isRight = (await matches(secret, client?.secret_hash)) && client;
      // The hash can have waited for others. Whoever has the former secret must not get a token after a rotation or a revocation.
      const present = isRight && (await reads.findActive(id));
      if (present && present.secret_hash === client.secret_hash) return { id: present.id, scopes: present.scopes };
      known ??= client?.id;
    }
    recordRefusal(known);
    return undefined;
  };

  return {
    authenticate: async (alternatives) => {
      const secret = alternatives.map((each) => `${each.id}:${each.secret}`).join(' ');
      return lookups.run({ kind: 'client_secret', secret, isOurs: false }, async () => {
        // Not before `lookups.run`, because the address of somebody who guesses it must wait too.
        if (bootstrap && alternatives.some(({ id, secret: given }) => matchesBootstrap(id, given))) {
          return { id: bootstrap.id, scopes };
        }
        return verify(alternatives);
      });
    },
  };
};

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
