import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';

/** At most 254 characters (RFC 5321). Spaces around the address are removed. */
export const emailInput = z.preprocess(
  (value) => (typeof value === 'string' ? value.trim() : value),
  boundedText(254).check(z.email()),
);

/** A token of a message. */
export const tokenInput = boundedText(200).min(1);

/** The answer to a request that is worked on later. It does not reveal whether an address has an account. */
export const acceptedAnswer = z.strictObject({ status: z.literal('accepted') }).meta({ id: 'Accepted' });
