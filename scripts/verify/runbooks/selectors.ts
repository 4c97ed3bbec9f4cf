import { metricCatalogue } from '#src/kernel/catalogue/metrics.ts';

export type Selector = { readonly metric: string; readonly matchers: string };

const suffix = /_(?:bucket|count|sum)$/;

/** The metrics of the service in a query of Prometheus, each with its matchers. */
export const selectorsOf = (query: string): Selector[] =>
  [...query.matchAll(/\b([a-z]\w*)\b(?:\{([^}]*)\})?/g)]
    .map(([, metric = '', matchers = '']) => ({ metric, matchers }))
    .filter(({ metric }) => metric in metricCatalogue || metric.replace(suffix, '') in metricCatalogue);

const tests: Readonly<Record<string, (found: string, wanted: string) => boolean>> = {
  '=': (found, wanted) => found === wanted,
  '!=': (found, wanted) => found !== wanted,
  '=~': (found, wanted) => new RegExp(`^(?:${wanted})$`).test(found),
  '!~': (found, wanted) => !new RegExp(`^(?:${wanted})$`).test(found),
};

/** Labels that Prometheus adds to each series. */
const added: ReadonlySet<string> = new Set(['job', 'instance']);

/** Whether `/metrics` has a series that the selector selects. */
export const isSelected = (exposition: string, { metric, matchers }: Selector): boolean => {
  const wanted = [...matchers.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].filter(([, label]) => !added.has(label!));
  return exposition.split('\n').some((line) => {
    const [, name, text = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name !== metric) return false;
    const labels = new Map([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, value]) => [label, value!]));
    return wanted.every(([, label, operator, value]) => tests[operator!]!(labels.get(label) ?? '', value!));
  });
};
