import { readFileSync } from 'node:fs';

/** A mistake that callers of the pricing routes often make, and the answer to it. */
export type UsualMistake = {
  readonly title: string;
  /** Default: POST. */
  readonly method?: 'GET';
  /** Below the base path. */
  readonly path: string;
  /** The body as a value, or as a text if it is not JSON. */
  readonly json?: unknown;
  readonly raw?: string;
  readonly contentType?: string;
  readonly status: number;
  readonly code: string;
  /** Pointer of the first error. */
  readonly pointer?: string;
  readonly detail: string;
};

/** The table behind docs/mistakes.md. */
export const usualMistakes = JSON.parse(
  readFileSync(new URL('usual-mistakes.json', import.meta.url), 'utf8'),
) as readonly UsualMistake[];
