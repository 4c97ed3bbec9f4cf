const redacted = '[redacted]';
const maxCharacters = 256;

/** Shorter words with digits are symbols, codes and dates. Keys and tokens of this service are longer. */
const maybeSecret = /^(?=.*\d)[\w.~+=-]{25,}$/;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** An e-mail address, a JWT, or a pair `name=value`: none of them belongs into a path of this service. */
const isSecret = (segment: string): boolean =>
  /[@=]|^eyJ/.test(segment) || (maybeSecret.test(segment) && !uuid.test(segment));

const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
};

/**
 * Logged in place of the segment after a segment of this name: the id of a user, which the audit trail has, and the name that a user
 * chose for a preset.
 */
const hiddenAfter = new Map([
  ['users', '{id}'],
  ['presets', '{name}'],
]);
const replacementAfter = (segment: string | undefined): string | undefined =>
  segment === undefined ? undefined : hiddenAfter.get(decoded(segment).toLowerCase());

/**
 * The path of a request for logs and spans. Anybody can send any path, so segments that may be personal data or a
 * credential are replaced, and so are ids of users and names of presets. The rest stays as it was sent, because an unmatched request has only its path to be found by.
 */
export const loggedPath = (path: string, template: string): string => {
  if (path === template) return path;
  const safe = path
    .slice(0, 4 * maxCharacters)
    .split('/')
    .map((segment, index, segments) => {
      const replacement = replacementAfter(segments[index - 1]);
      if (segment !== '' && replacement !== undefined) return replacement;
      return isSecret(decoded(segment)) ? redacted : segment;
    })
    .join('/');
  return safe.length > maxCharacters ? `${safe.slice(0, maxCharacters)}…` : safe;
};
