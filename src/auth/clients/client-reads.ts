import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { Scope } from '#src/kernel/requests/principal.ts';

export type ClientReadsDeps = { readonly reader: Reader };

type ActiveClient = { readonly id: string; readonly secret_hash: string; readonly scopes: Scope[] };

export type ClientRecord = {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly created_at: Date;
  readonly rotated_at: Date | null;
  readonly revoked_at: Date | null;
};

export type ClientReads = {
  /** A client that is not revoked. */
  readonly findActive: (id: string) => Promise<ActiveClient | undefined>;
  /** All clients, also revoked ones, in the order of their creation. */
  readonly list: () => Promise<readonly ClientRecord[]>;
};

/** PostgreSQL cannot store NUL in text. Ids of clients have no control characters. */
const storable = /^\P{Cc}+$/u;

/** Reads that change nothing, so they need no transaction. */
export const createClientReads = ({ reader }: ClientReadsDeps): ClientReads => ({
  findActive: async (id) => {
    if (!storable.test(id)) return undefined;
    const [client] = await reader.query<ActiveClient>(
      'select id, secret_hash, scopes from oauth_client where id = $1 and revoked_at is null',
      [id],
    );
    return client;
  },

  list: () =>
    reader.query<ClientRecord>(
      'select id, name, scopes, created_at, rotated_at, revoked_at from oauth_client order by created_at, id',
    ),
});
