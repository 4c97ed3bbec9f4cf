/** An entity tag (RFC 9110, section 8.8.3). `value` is the text between the quotes. */
type EntityTag = { readonly weak: boolean; readonly value: string };

const separators = /[ \t,]*/y;
/** Tags without quotes are accepted, because several clients send them. */
const tag = /(W\/)?(?:"([\x21\x23-\x7E\x80-\xFF]*)"|([^\s",]+))[ \t]*(?=,|$)/y;

/**
 * Max characters of a header that are read, as `If-Match` may have. Those of 16 KB took up to 5 ms of the event loop. A longer one has no
 * tags, so its client gets the whole answer.
 */
const maxLength = 1_024;

/**
 * Reads the value of `If-Match` or `If-None-Match`.
 * @returns `*`, or the tags of the list. A value that is not a list of tags has none
 */
const readEntityTags = (header: string): '*' | readonly EntityTag[] => {
  if (header.length > maxLength) return [];
  if (header.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  let position = 0;
  const next = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position;
    const found = pattern.exec(header);
    if (found) position = pattern.lastIndex;
    return found;
  };
  for (next(separators); position < header.length; next(separators)) {
    const found = next(tag);
    if (!found) return [];
    tags.push({ weak: found[1] !== undefined, value: found[2] ?? found[3] ?? '' });
  }
  return tags;
};

/** Whether `If-None-Match` matches a tag. The comparison is weak (RFC 9110, section 13.1.2). */
export const matchesIfNoneMatch = (header: string | undefined, entityTag: string): boolean => {
  if (header === undefined) return false;
  const tags = readEntityTags(header);
  if (tags === '*') return true;
  const [own] = readEntityTags(entityTag);
  return typeof own === 'object' && tags.some(({ value }) => value === own.value);
};

/** The tags of `If-Match` that can match. The comparison is strong, so a weak tag never matches (section 13.1.1). */
export const strongTags = (header: string): '*' | readonly string[] => {
  const tags = readEntityTags(header);
  return tags === '*' ? tags : tags.filter(({ weak }) => !weak).map(({ value }) => value);
};
