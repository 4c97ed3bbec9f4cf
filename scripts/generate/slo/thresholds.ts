import { budgetOf, findSlo, sloDocument } from './slo.ts';

/**
 * load/thresholds.json. `routes` contains the level of each route for the tag `slo: LEVEL` of its requests.
 * `thresholds` has the form of k6 in milliseconds: an objective of 99 % within 50 ms is p(99)<50.
 */
export const loadThresholds = (): string => {
  const timed = sloDocument.slos.filter((slo) => 'routes' in slo);
  const document = {
    generated_from: 'slo.yaml',
    routes: Object.fromEntries(
      timed.flatMap((slo) => slo.routes.map((route) => [`${slo.method} ${route}`, slo.name] as const)),
    ),
    thresholds: {
      http_req_failed: [`rate<${budgetOf(findSlo('availability'))}`],
      checks: [`rate>${findSlo('availability').objective / 100}`],
      ...Object.fromEntries(
        timed.map((slo) => [`http_req_duration{slo:${slo.name}}`, [`p(${slo.objective})<${slo.under_ms}`]]),
      ),
    },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
};
