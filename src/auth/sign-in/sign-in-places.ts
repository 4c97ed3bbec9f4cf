import { createHmac } from 'node:crypto';
import { countedAddress } from '#src/kernel/requests/counted-address.ts';
import type { Query, Transaction } from '#src/kernel/ports/unit-of-work.ts';

// SQL: the first one that stores a place is found in one step, and old places are deleted as a set.

export type SignInPlaces = {
  /**
   * A keyed hash of the id of a user and the network. It reveals neither. The id and not the address, because an owner who changes the
   * address must keep the known networks.
   */
  readonly hashOf: (userId: string, clientIp: string) => Buffer;
  /** The hashes that stored rows can have: the current one, and the one by address of releases before migration 0053. */
  readonly hashesOf: (user: { readonly id: string; readonly email: string }, clientIp: string) => readonly Buffer[];
  /**
   * Whether the user has signed in from this network before.
   * @param id undefined if the account does not exist. The same statement runs then
   */
  readonly isKnown: (
    query: Query,
    user: { readonly id: string | undefined; readonly email: string },
    clientIp: string,
  ) => Promise<boolean>;
  /** Stores that the user has signed in from this network. */
  readonly remember: (transaction: Transaction, userId: string, placeHash: Buffer, at: Date) => Promise<void>;
  /** Forgets all networks of a user. */
  readonly forget: (transaction: Transaction, userId: string) => Promise<void>;
};

/** Max networks per user. The network with the oldest use is removed first. */
const maxPlaces = 20;
/** Networks without use for this time are removed. */
const maxAgeDays = 90;

export const oldPlaces = {
  table: 'sign_in_place',
  where: `seen_at < $1::timestamptz - interval '${maxAgeDays} days'`,
};

const isNew = async (query: Query, userId: string, placeHash: Buffer, at: Date): Promise<boolean> => {
  // One write per day and network is enough. In an inserted row `xmax` is 0.
  const [written] = await query<{ inserted: boolean }>(
    `insert into sign_in_place as place (user_id, place_hash, seen_at) values ($1, $2, $3)
     on conflict (user_id, place_hash) do update set seen_at = excluded.seen_at
       where place.seen_at < excluded.seen_at - interval '1 day'
     returning xmax = 0 as inserted`,
    [userId, placeHash, at],
  );
  return written?.inserted ?? false;
};

/** The id of no account. */
const nobody = '00000000-0000-0000-0000-000000000000';

/** @param key key of the hashes, so that a copy of the table does not reveal addresses */
export const createSignInPlaces = ({ key }: { readonly key: Uint8Array }): SignInPlaces => {
  // An id of a user and an address are never the same text.
  const hashOf: SignInPlaces['hashOf'] = (name, clientIp) =>
    createHmac('sha256', key)
      .update(`${name} ${countedAddress(clientIp)}`)
      .digest();
  const hashesOf: SignInPlaces['hashesOf'] = ({ id, email }, clientIp) => [
    hashOf(id, clientIp),
    hashOf(email, clientIp),
  ];

  return {
    hashOf,
    hashesOf,

    isKnown: async (query, { id = nobody, email }, clientIp) => {
      const sql = 'select 1 from sign_in_place where user_id = $1 and place_hash = any($2)';
      return (await query(sql, [id, hashesOf({ id, email }, clientIp)])).length > 0;
    },

    remember: async ({ query }, userId, placeHash, at) => {
      if (!(await isNew(query, userId, placeHash, at))) return;
      await query(
        `delete from sign_in_place where user_id = $1 and place_hash not in
         (select place_hash from sign_in_place where user_id = $1 order by seen_at desc limit $2)`,
        [userId, maxPlaces],
      );
    },

    forget: async ({ query }, userId) => {
      await query('delete from sign_in_place where user_id = $1', [userId]);
    },
  };
};
