import type { AbuseKind, AbuseReport } from '#src/kernel/catalogue/abuse.ts';

/** Remembers what was refused. */
export const recordAbuse = (): AbuseReport & { readonly kinds: AbuseKind[] } => {
  const kinds: AbuseKind[] = [];
  return { kinds, refused: (kind) => void kinds.push(kind) };
};
