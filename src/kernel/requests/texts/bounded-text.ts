import { z } from 'zod';
import { singleLinePattern } from '../../single-line.ts';

/**
 * The schema of a text with a max number of characters. The checks behind it do not see a longer text, because a check of zod goes on after a
 * failed `max`: `Intl.getCanonicalLocales` took 422 ms for 64 KB. `npm run check:structure` refuses another `max` of a text.
 * @param options `error`: the text for a longer one
 */
export const boundedText = (maxCharacters: number, options: { readonly error?: z.core.$ZodErrorMap } = {}) =>
  z.string().max(maxCharacters, { ...options, abort: true });

/** A name that people give to something: up to 100 characters on one line. Spaces around it are removed. */
export const nameText = z
  .string()
  .trim()
  .min(1)
  .max(100, { abort: true })
  .regex(singleLinePattern, 'Must have no control characters');
