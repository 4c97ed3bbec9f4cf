import type { TokenEnds } from '#src/kernel/ports/owners.ts';

/** Columns of `owner_end` that end tokens by their time of issue. */
export const tokenEndColumns = 'ended_at, legacy_ended_at, legacy_kept_token_id';

export type TokenEndsRow = {
  readonly ended_at: Date | null;
  readonly legacy_ended_at: Date | null;
  readonly legacy_kept_token_id: string | null;
};

const unixSeconds = (at: Date): number => Math.floor(at.getTime() / 1000);

export const tokenEndsOf = (row: TokenEndsRow | undefined): TokenEnds => ({
  // The epoch stands for no end: it would end a token without a time of issue, which counts as issued then.
  ...(row?.ended_at && row.ended_at.getTime() > 0 && { tokensEndedAt: unixSeconds(row.ended_at) }),
  ...(row?.legacy_ended_at && { legacyTokensEndedAt: unixSeconds(row.legacy_ended_at) }),
  ...(row?.legacy_kept_token_id && { legacyTokenKept: row.legacy_kept_token_id }),
});
