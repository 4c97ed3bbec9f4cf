import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import { credentialsTurn, type Owner } from '#src/kernel/ports/owners.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { eventually } from '#testkit/eventually.ts';
import type { Answer, Room } from '../room.ts';

export const ownerIn = async (room: Room): Promise<Owner> => {
  const [row] = await room.stored.query('select id from user_account');
  return { kind: 'user', id: String(row!['id']) };
};

/** Ends the access tokens of all users, as a sign-out does. */
export const endTokens = ({ query }: Transaction): Promise<unknown> =>
  query(`insert into revoked_token (token_id, revoked_at, expires_at)
    select access_token_id, now(), access_expires_at from refresh_token on conflict do nothing`);

/** Holds a turn, waits until `request` waits for it, and then does `work`. @returns the answer of `request` */
export const duringTurn = async (
  room: Room,
  turn: string,
  request: () => Promise<Answer>,
  work: (transaction: Transaction) => Promise<unknown>,
): Promise<Answer> => {
  const waiting = `select 1 from pg_locks join pg_database on pg_database.oid = database
    where datname = current_database() and locktype = 'advisory' and not granted`;
  const sent: Promise<Answer>[] = [];
  await room.database.unitOfWork.run({ operation: 'auth.api_key' }, async (transaction) => {
    await takeOwnerTurn(transaction.query, turn);
    sent.push(request());
    await eventually(async () => (await room.stored.query(waiting)).length > 0, 'the request waits for its turn');
    await work(transaction);
  });
  return sent[0]!;
};

/** The turn of the owner, as a transaction that ends credentials holds it. */
export const during = (
  room: Room,
  owner: Owner,
  request: () => Promise<Answer>,
  work: (transaction: Transaction) => Promise<unknown>,
): Promise<Answer> => duringTurn(room, credentialsTurn(owner), request, work);
