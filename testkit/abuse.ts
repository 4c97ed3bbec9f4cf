import type { AbuseKind, AbuseReport } from '#src/kernel/catalogue/abuse.ts';

/** An abuse reporter for tests. It keeps the kinds of all refusals. */
export const recordAbuse = (): AbuseReport & { readonly kinds: AbuseKind[] } => {
  const kinds: AbuseKind[] = [];
  return { kinds, refused: (kind) => void kinds.push(kind) };
};
