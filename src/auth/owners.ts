import type { Reader } from '#src/kernel/unit-of-work.ts';

/**
 * Whether what a user or client owns may go on acting for it: not for a client that was revoked. An owner known by
 * tokens alone, whom this service keeps no account of, cannot be revoked here.
 */
export const isOwnerActive = async (
  { query }: Reader,
  { kind, id }: { readonly kind: 'user' | 'client'; readonly id: string },
): Promise<boolean> =>
  kind === 'user' ||
  (await query('select 1 from oauth_client where id = $1 and revoked_at is not null', [id])).length === 0;
