import { z } from 'zod';

/** At most 254 characters (RFC 5321). Spaces around the address are removed. */
export const emailInput = z.preprocess(
  (value) => (typeof value === 'string' ? value.trim() : value),
  z.email().max(254),
);

/** A token of a message. */
export const tokenInput = z.string().min(1).max(200);
