import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { anonymousStream, type AuditTrail } from '#src/kernel/ports/audit.ts';
import { scopes, type Scope } from '#src/kernel/requests/principal.ts';
import type { Reader, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { SecretHasher } from '../secrets/secret-hasher.ts';

export type Client = { readonly id: string; readonly scopes: readonly Scope[] };

export type ClientStore = {
  /**
   * @returns undefined for an unknown or revoked client and for a wrong secret alike, after the same time
   * @throws AppError `overloaded`, or of the store's own dependency
   */
  readonly authenticate: (id: string, secret: string) => Promise<Client | undefined>;
};

export type ClientStoreDeps = {
  readonly reader: Reader;
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly hasher: SecretHasher;
  /** The one client that the environment names, with every scope. */
  readonly bootstrap: { readonly id: string; readonly secret: string } | undefined;
};

type Row = { readonly id: string; readonly secret_hash: string; readonly scopes: Scope[] };

/** PostgreSQL's text holds no NUL; no id of ours holds any control character. */
const storable = /^\P{Cc}+$/u;

/** Forgotten when so many are known: a memory, not a store. */
const mostRemembered = 1_000;

/** The environment's client first, then those that operators made. */
export const createClientStore = (deps: ClientStoreDeps): ClientStore => {
  const { reader, unitOfWork, audit, hasher, bootstrap } = deps;
  // Kept as digests: equal lengths for the comparison, and no copy to leak.
  const expected = bootstrap && { id: sha256(bootstrap.id), secret: sha256(bootstrap.secret) };
  const fitsBootstrap = (id: string, secret: string): boolean => {
    if (!expected) return false;
    const idFits = timingSafeEqual(sha256(id), expected.id);
    const secretFits = timingSafeEqual(sha256(secret), expected.secret);
    return idFits && secretFits;
  };

  // A client asks for tokens all day: a secret that has fitted once is recognised by a digest under a key of this
  // process, as long as the stored hash is the same. Only wrong secrets go on costing an argon2id each time.
  const memoryKey = randomBytes(32);
  const remembered = new Map<string, Buffer>();
  const digest = (secret: string): Buffer => createHmac('sha256', memoryKey).update(secret).digest();

  const fits = async (secret: string, stored: string | undefined): Promise<boolean> => {
    const known = stored === undefined ? undefined : remembered.get(stored);
    if (known && timingSafeEqual(known, digest(secret))) return true;
    const { valid } = await hasher.verify(secret, stored);
    if (valid && stored !== undefined) {
      if (remembered.size >= mostRemembered) remembered.clear();
      remembered.set(stored, digest(secret));
    }
    return valid;
  };

  const recordRefusal = (id: string | undefined): Promise<void> =>
    unitOfWork.run({ operation: 'auth.refusal' }, (transaction) =>
      audit.record(transaction, {
        stream: id === undefined ? anonymousStream() : `client:${id}`,
        action: 'client.refused',
        outcome: 'refused',
        target: id ?? 'unknown',
        reason: 'client_credentials_invalid',
      }),
    );

  return {
    authenticate: async (id, secret) => {
      if (bootstrap && fitsBootstrap(id, secret)) return { id: bootstrap.id, scopes };
      const [client] = storable.test(id)
        ? await reader.query<Row>(
            'select id, secret_hash, scopes from oauth_client where id = $1 and revoked_at is null',
            [id],
          )
        : [];
      if ((await fits(secret, client?.secret_hash)) && client) return { id: client.id, scopes: client.scopes };
      await recordRefusal(client?.id);
      return undefined;
    },
  };
};

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
