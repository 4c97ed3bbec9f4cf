import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';

// SQL: retention and the end of a user delete sets.

/**
 * Removes messages that are older than `hours`, also waiting ones, whose retries are over by then.
 * @returns the number of messages
 */
export const removeOldMail = async ({ query }: Transaction, hours: number): Promise<number> =>
  (await query(`delete from mail_message where created_at < now() - $1 * interval '1 hour' returning 1`, [hours]))
    .length;

/** Removes the messages to an address that name no account. @returns the number of messages */
export const removeMailTo = async ({ query }: Transaction, address: string): Promise<number> =>
  (await query('delete from mail_message where recipient = $1 and user_id is null returning 1', [address])).length;

/** Removes the messages to and about a user, and those that the user caused. @returns the number of messages */
export const removeMailOf = async ({ query }: Transaction, userId: string): Promise<number> =>
  (
    await query(
      `delete from mail_message where user_id = $1 or caused_by_user = $1
         or recipient = (select email from user_account where id = $1) returning 1`,
      [userId],
    )
  ).length;
