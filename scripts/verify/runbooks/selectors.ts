import { metricCatalogue } from '#src/kernel/catalogue/metrics.ts';

export type Selector = { readonly metric: string; readonly matchers: string };

const suffix = /_(?:bucket|count|sum)$/;

/** The metrics of the service in a query of Prometheus, each with its matchers. */
export const selectorsOf = (query: string): Selector[] =>
  [...query.matchAll(/\b([a-z]\w*)\b(?:\{([^}]*)\})?/g)]
    .map(([, metric = '', matchers = '']) => ({ metric, matchers }))
    .filter(({ metric }) => metric in metricCatalogue || metric.replace(suffix, '') in metricCatalogue);
