import { z } from 'zod';

/** A text that is stored as it is. PostgreSQL stores no NUL, and half of a surrogate pair is not UTF-8. */
export const googleText = (maxCharacters: number) =>
  z
    .string()
    .min(1)
    .max(maxCharacters)
    .refine((value) => !value.includes('\u0000') && value.isWellFormed());
