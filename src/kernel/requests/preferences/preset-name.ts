import { z } from 'zod';
import { withRefused } from '../texts/refused-value.ts';

/** The name of a pricing preset. */
export const presetName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,31}$/, {
  error: withRefused('Must be 1 to 32 lower-case letters, digits, _ or -, such as fast-tree'),
});
