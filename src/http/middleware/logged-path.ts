const redacted = '[redacted]';
const maxCharacters = 256;

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Symbols, codes, dates, numbers and words. Keys and tokens of this service are longer, and have digits. */
const short = /^[\w.~^+-]{1,24}$/;
const words = /^[A-Za-z._-]{1,40}$/;
const isPlain = (segment: string): boolean =>
  (short.test(segment) || words.test(segment)) && !segment.startsWith('eyJ');

const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
};

/**
 * Logged in place of what comes after a segment of this name: the id of a user, which the audit trail has, and the name that a user
 * chose for a preset.
 */
const hiddenAfter = [
  ['user', '{id}'],
  ['preset', '{name}'],
] as const;
const replacementAfter = (segment: string): string | undefined => {
  const name = decoded(segment).toLowerCase();
  return hiddenAfter.find(([start]) => name.startsWith(start))?.[1];
};

/** The path of a route, with the values of parameters that are plain values or ids of stored things. */
const ofRoute = (segments: readonly string[], template: readonly string[]): string =>
  template
    .map((name, index) => {
      if (!name.startsWith('{') || replacementAfter(template[index - 1] ?? '') !== undefined) return name;
      const value = decoded(segments[index]!);
      return isPlain(value) || uuid.test(value) ? value : redacted;
    })
    .join('/');

/** A path that no route has. Any segment can be anything, so only plain ones are kept, and none after the name of users or presets. */
const ofNoRoute = (segments: readonly string[]): string => {
  let replacement: string | undefined;
  return segments
    .map((segment) => {
      if (segment === '') return segment;
      const logged = replacement ?? (isPlain(segment) && !uuid.test(segment) ? segment : redacted);
      replacement ??= replacementAfter(segment);
      return logged;
    })
    .join('/');
};

/**
 * The path of a request for logs and spans. Anybody can send any path, so only segments of a known form are kept as they
 * were sent: an address, a key or a token does not have it, whatever stands around it.
 */
export const loggedPath = (path: string, template: string): string => {
  if (path === template) return path;
  const segments = path.slice(0, 4 * maxCharacters).split('/');
  const names = template.split('/');
  const safe = names.length > 1 && names.length === segments.length ? ofRoute(segments, names) : ofNoRoute(segments);
  return safe.length > maxCharacters ? `${safe.slice(0, maxCharacters)}…` : safe;
};
