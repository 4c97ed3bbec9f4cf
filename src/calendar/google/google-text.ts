import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';

/** A text that is stored as it is. PostgreSQL stores no NUL, and half of a surrogate pair is not UTF-8. */
export const googleText = (maxCharacters: number) =>
  boundedText(maxCharacters)
    .min(1)
    .refine((value) => !value.includes('\u0000') && value.isWellFormed());
