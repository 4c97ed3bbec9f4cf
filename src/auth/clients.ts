import { createHash, timingSafeEqual } from 'node:crypto';
import { scopes, type Scope } from '#src/kernel/principal.ts';

type Client = { readonly id: string; readonly scopes: readonly Scope[] };

export type ClientStore = {
  /**
   * @returns undefined for an unknown client and for a wrong secret alike, after the same time
   * @throws AppError of the store's own dependency
   */
  readonly authenticate: (id: string, secret: string) => Promise<Client | undefined>;
};

/** The one client that the environment names, with every scope. Without it nobody is known. */
export const createBootstrapClients = (
  bootstrap: { readonly id: string; readonly secret: string } | undefined,
): ClientStore => {
  // The secret of the environment is kept as its digest: equal lengths for the comparison, and no copy to leak.
  const expected = bootstrap && { id: sha256(bootstrap.id), secret: sha256(bootstrap.secret) };
  return {
    authenticate: async (id, secret) => {
      if (!bootstrap || !expected) return undefined;
      const idFits = timingSafeEqual(sha256(id), expected.id);
      const secretFits = timingSafeEqual(sha256(secret), expected.secret);
      return idFits && secretFits ? { id: bootstrap.id, scopes } : undefined;
    },
  };
};

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
