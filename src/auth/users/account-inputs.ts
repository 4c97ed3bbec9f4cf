import { z } from 'zod';

/** At most 254 characters (RFC 5321). Spaces around the address are removed. */
export const emailInput = z.preprocess(
  (value) => (typeof value === 'string' ? value.trim() : value),
  z.email().max(254),
);

/** A token of a message. */
export const tokenInput = z.string().min(1).max(200);

/** The answer to a request that is worked on later. It does not reveal whether an address has an account. */
export const acceptedAnswer = z.strictObject({ status: z.literal('accepted') }).meta({ id: 'Accepted' });
