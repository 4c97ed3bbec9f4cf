import { countRemoved, removePart } from '#src/kernel/lists/removal.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';

// SQL: retention and the end of a user delete sets.

/**
 * Removes a part of the messages that are older than `hours`, also waiting ones, whose retries are over by then.
 * @returns the number of messages
 */
export const removeOldMail = ({ query }: Transaction, hours: number): Promise<number> =>
  removePart(query, { table: 'mail_message', where: `created_at < now() - $1 * interval '1 hour'` }, [hours]);

/** Removes the messages to an address that name no account. @returns the number of messages */
export const removeMailTo = ({ query }: Transaction, address: string): Promise<number> =>
  countRemoved(query, 'delete from mail_message where recipient = $1 and user_id is null', [address]);

/** Removes the messages to and about a user, and those that the user caused. @returns the number of messages */
export const removeMailOf = ({ query }: Transaction, userId: string): Promise<number> =>
  countRemoved(
    query,
    `delete from mail_message where user_id = $1 or caused_by_user = $1
       or recipient = (select email from user_account where id = $1)`,
    [userId],
  );
