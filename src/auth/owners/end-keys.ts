import type { AuditActor, AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';

// SQL: all keys of an owner, a user or a client end at once.

export type EndKeysOptions = {
  readonly audit: AuditTrail;
  /** Undefined: the caller of the request. */
  readonly actor: AuditActor | undefined;
  readonly at: Date;
};

/** SQL conditions on `api_key`, with the parameters from `$2` on. */
const conditions = {
  id: 'id = $2::text::uuid',
  // An expired key cannot be used or changed again. An owner can have thousands, and each end is recorded.
  owner: "owner_kind = $2 and owner_id = $3 and coalesce(least(revoked_at, expires_at), 'infinity') > $1",
} as const;

/**
 * Revokes API keys with one statement, and records each. Of an owner, those that can still be used.
 * @returns the number of keys that were revoked
 */
export const endKeys = async (
  transaction: Transaction,
  by: keyof typeof conditions,
  parameters: readonly string[],
  { audit, actor, at }: EndKeysOptions,
): Promise<number> => {
  const ended = await transaction.query<{ id: string }>(
    `update api_key set revoked_at = $1 where revoked_at is null and ${conditions[by]} returning id`,
    [at, ...parameters],
  );
  for (const { id } of ended) {
    await audit.record(transaction, {
      stream: `api_key:${id}`,
      action: 'api_key.revoked',
      outcome: 'success',
      ...(actor && { actor }),
      target: id,
      data: { revoked_at: at.toISOString() },
    });
  }
  return ended.length;
};
