export type RecentResultsOptions = {
  readonly maxEntries: number;
  /** Results of longer texts are not remembered, so that the memory is bounded. */
  readonly maxCharacters: number;
};

/** A function of a text that remembers its newest results. For texts of which few are used again and again. */
export const recentResults = <Result>(
  make: (text: string) => Result,
  { maxEntries, maxCharacters }: RecentResultsOptions,
): ((text: string) => Result) => {
  const results = new Map<string, { readonly result: Result }>();

  return (text) => {
    if (text.length > maxCharacters) return make(text);
    const found = results.get(text);
    if (found) return found.result;
    const result = make(text);
    // The oldest one goes. One that is in use is made again now and then, which costs less than an order by use.
    if (results.size >= maxEntries) results.delete(results.keys().next().value!);
    results.set(text, { result });
    return result;
  };
};
