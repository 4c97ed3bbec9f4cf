import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';

/**
 * Removes the profile, the settings and the presets of a user. This is SQL, because a row needs not be read to be removed, and because a
 * missing column must not prevent it. @returns how many rows
 */
export const removeDocumentsOf = async ({ query }: Transaction, userId: string): Promise<number> => {
  const profiles = await query('delete from account_profile where user_id = $1 returning 1', [userId]);
  const settings = await query('delete from account_settings where user_id = $1 returning 1', [userId]);
  const presets = await query('delete from pricing_preset where user_id = $1 returning 1', [userId]);
  return profiles.length + settings.length + presets.length;
};
