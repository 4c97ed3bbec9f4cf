/** The different texts with their numbers, such as `3 slow, 2 with 429 Too many requests at once`. */
export const countTexts = (texts: Iterable<string>, separator = ', '): string => {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].map(([text, count]) => `${count} ${text}`).join(separator);
};
