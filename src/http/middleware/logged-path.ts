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

/** A value after these segments is not logged: the id of a user, which the audit trail has, and the name that a user chose for a preset. */
const hiddenAfter: ReadonlySet<string | undefined> = new Set(['users', 'presets']);

/** The path of a route, with the values of parameters that are plain values or ids of stored things. */
const ofRoute = (segments: readonly string[], template: readonly string[]): string =>
  template
    .map((name, index) => {
      if (!name.startsWith('{') || hiddenAfter.has(template[index - 1])) return name;
      const value = decoded(segments[index]!);
      return isPlain(value) || uuid.test(value) ? value : redacted;
    })
    .join('/');

/**
 * The path of a request for logs and spans. Anybody can send any path: a mistyped one can have a key, a password or the name that a
 * user chose for something. So a path that no route has keeps only the segments that stand in the path of a route.
 * @param words the segments of all routes that are no parameters
 */
export const createLoggedPath =
  (words: ReadonlySet<string>) =>
  (path: string, template: string): string => {
    if (path === template) return path;
    const segments = path.slice(0, 4 * maxCharacters).split('/');
    const names = template.split('/');
    const safe =
      names.length > 1 && names.length === segments.length
        ? ofRoute(segments, names)
        : segments.map((segment) => (segment === '' || words.has(segment) ? segment : redacted)).join('/');
    return safe.length > maxCharacters ? `${safe.slice(0, maxCharacters)}…` : safe;
  };
