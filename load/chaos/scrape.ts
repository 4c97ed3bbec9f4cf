/** The result of one scrape of /metrics. `sum` adds the values of all series that match the labels. */
export type Scrape = { readonly sum: (name: string, labels?: Readonly<Record<string, string | RegExp>>) => number };

type Sample = { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly value: number };

const parse = (text: string): Sample[] =>
  text.split('\n').flatMap((line) => {
    const match = /^(\w+)(?:\{(.*)\})? ([^ ]+)/.exec(line);
    if (!match) return [];
    const labels = Object.fromEntries(
      [...(match[2] ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!]),
    );
    return [{ name: match[1]!, labels, value: Number(match[3]) }];
  });

export const scrape = async (adminUrl: string): Promise<Scrape> => {
  const response = await fetch(`${adminUrl}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const samples = parse(await response.text());
  return {
    sum: (name, labels = {}) => {
      const fits = (sample: Sample): boolean =>
        sample.name === name &&
        Object.entries(labels).every(([label, wanted]) => {
          const value = sample.labels[label] ?? '';
          return typeof wanted === 'string' ? value === wanted : wanted.test(value);
        });
      return samples.filter(fits).reduce((total, { value }) => total + value, 0);
    },
  };
};
