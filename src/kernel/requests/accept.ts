import Negotiator from 'negotiator';

/**
 * Max characters of a header that are read. A header of 16 KB would take 8 ms to parse, before any rate limit. Browsers
 * send about 200.
 */
const maxLength = 1_024;

/** `preferred` is an option since negotiator 1.0; its type declarations do not have it yet. */
type Encodings = (available: readonly string[], options: { readonly preferred: readonly string[] }) => string[];

/**
 * The media types that an `Accept` header allows (RFC 9110, section 12.5.1), best quality first. Types of equal quality
 * come by the range that names them: a full name before a wildcard, then the order of the header, then `available`.
 * @param header undefined or empty means that the client takes every type
 */
export const acceptedTypes = <Type extends string>(header: string | undefined, available: readonly Type[]): Type[] => {
  if (header === undefined || header === '') return [...available];
  return new Negotiator({ headers: { accept: header.slice(0, maxLength) } }).mediaTypes(available) as Type[];
};

/**
 * The content codings that an `Accept-Encoding` header allows (RFC 9110, section 12.5.3), best quality first; among equals
 * in the order of `available`. `identity` must be in `available` where the client may prefer it.
 */
export const acceptedEncodings = <Encoding extends string>(
  header: string,
  available: readonly Encoding[],
): Encoding[] => {
  // Lower case because negotiator does not know `Q=0.5`.
  const negotiator = new Negotiator({ headers: { 'accept-encoding': header.slice(0, maxLength).toLowerCase() } });
  const encodings = negotiator.encodings.bind(negotiator) as Encodings;
  return encodings(available, { preferred: available }) as Encoding[];
};
