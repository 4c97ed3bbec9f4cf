import { createHmac } from 'node:crypto';
import { countedAddress } from '#src/kernel/requests/counted-address.ts';
import type { Query, Transaction } from '#src/kernel/ports/unit-of-work.ts';

export type SignInPlaces = {
  /** Stands for the account in this network; tells neither. */
  readonly hashOf: (account: string, clientIp: string) => Buffer;
  /** Remembers that the user signed in from there. */
  readonly remember: (transaction: Transaction, userId: string, placeHash: Buffer, at: Date) => Promise<void>;
};

/** Networks remembered for each user; the one that was used least recently leaves. */
const maxPlaces = 20;
/** A network is forgotten when it was not used for so long. */
const maxAgeDays = 90;

export const removeOldPlacesSql = `delete from sign_in_place
  where seen_at < $1::timestamptz - interval '${maxAgeDays} days' returning 1`;

const isNew = async (query: Query, userId: string, placeHash: Buffer, at: Date): Promise<boolean> => {
  // At most one write a day, because many sign-ins come from one place. xmax is 0 in a row that was inserted.
  const [written] = await query<{ inserted: boolean }>(
    `insert into sign_in_place as place (user_id, place_hash, seen_at) values ($1, $2, $3)
     on conflict (user_id, place_hash) do update set seen_at = excluded.seen_at
       where place.seen_at < excluded.seen_at - interval '1 day'
     returning xmax = 0 as inserted`,
    [userId, placeHash, at],
  );
  return written?.inserted ?? false;
};

/** @param key keys the hashes, so that a copy of the table does not tell addresses */
export const createSignInPlaces = ({ key }: { readonly key: Uint8Array }): SignInPlaces => ({
  hashOf: (account, clientIp) =>
    createHmac('sha256', key)
      .update(`${account} ${countedAddress(clientIp)}`)
      .digest(),

  remember: async ({ query }, userId, placeHash, at) => {
    if (!(await isNew(query, userId, placeHash, at))) return;
    await query(
      `delete from sign_in_place where user_id = $1 and place_hash not in
         (select place_hash from sign_in_place where user_id = $1 order by seen_at desc limit $2)`,
      [userId, maxPlaces],
    );
  },
});
