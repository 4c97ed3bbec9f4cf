/** The part of the argument of k6's handleSummary that the verdict needs. */
export type Summary = {
  readonly metrics: Readonly<
    Record<
      string,
      {
        readonly values: Readonly<Record<string, number>>;
        readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>;
      }
    >
  >;
};

export type Verdict = { readonly lines: readonly string[]; readonly passed: boolean };

/** Thresholds that always pass. They exist only so that k6 keeps the figure. */
const alwaysHolds = />=0$/;

const figure = (value: number | undefined, unit = ''): string =>
  value === undefined ? '-' : `${Number(value.toFixed(2))}${unit}`;

/**
 * Lists the steps of a stress run. The knee is the first step whose p99 is more than three times that of the first
 * step, which counts as at least 5 ms.
 */
const knee = (summary: Summary): string[] => {
  const steps: { readonly step: number; readonly p99: number; readonly requests: number }[] = [];
  for (let step = 0; ; step += 1) {
    const durations = summary.metrics[`http_req_duration{step:${step}}`];
    const requests = summary.metrics[`http_reqs{step:${step}}`];
    if (!durations || !requests) break;
    steps.push({ step, p99: durations.values['p(99)'] ?? 0, requests: requests.values['count'] ?? 0 });
  }
  if (steps.length === 0) return [];
  const bent = steps.find(({ p99 }) => p99 > 3 * Math.max(steps[0]!.p99, 5));
  return [
    ...steps.map(({ step, p99, requests }) => `  step ${step + 1}: ${requests} requests, p99 ${figure(p99, ' ms')}`),
    bent ? `  the knee is at step ${bent.step + 1}` : '  no knee within these steps: raise RATE',
  ];
};

/** The number of requests of each value of a tag that has thresholds of its own. */
const perTag = (summary: Summary, tag: 'route' | 'caller'): string[] => {
  const start = `http_reqs{${tag}:`;
  const counts = Object.entries(summary.metrics)
    .filter(([metric]) => metric.startsWith(start))
    .map(([metric, { values }]) => `${metric.slice(start.length, -1)} ${figure(values['count'] ?? 0)}`);
  return counts.length === 0 ? [] : [`  requests by ${tag}: ${counts.join(', ')}`];
};

/** Reads the summary of k6. Returns which thresholds passed, and the most important figures. */
export const verdict = (scenario: string, summary: Summary): Verdict => {
  const broken = Object.entries(summary.metrics).flatMap(([metric, { thresholds = {}, values }]) =>
    Object.entries(thresholds)
      .filter(([expression, { ok }]) => !ok && !alwaysHolds.test(expression))
      .map(([expression]) => `  broken: ${metric} ${expression} (${JSON.stringify(values)})`),
  );
  const held = Object.values(summary.metrics).flatMap(({ thresholds = {} }) =>
    Object.entries(thresholds).filter(([expression, { ok }]) => ok && !alwaysHolds.test(expression)),
  ).length;
  const values = (metric: string) => summary.metrics[metric]?.values ?? {};
  // A breakpoint run ends at the first level that fails, so its failed thresholds are its result and not a fault.
  const passed = scenario === 'breakpoint' ? (values('http_reqs')['count'] ?? 0) > 0 : broken.length === 0 && held > 0;
  return {
    passed,
    lines: [
      `${passed ? 'PASSED' : 'FAILED'}: ${scenario}, ${held} thresholds held, ${broken.length} broken`,
      `  ${figure(values('http_reqs')['count'])} requests, ${figure(values('http_reqs')['rate'])}/s, ` +
        `p95 ${figure(values('http_req_duration')['p(95)'], ' ms')}, p99 ${figure(values('http_req_duration')['p(99)'], ' ms')}, ` +
        `failed ${figure((values('http_req_failed')['rate'] ?? 0) * 100, ' %')}`,
      `  ${figure(values('options_priced')['rate'])} options/s, ${figure(values('stale_answers')['count'] ?? 0)} stale answers, ` +
        `${figure(values('rolled_back_refreshes')['count'] ?? 0)} refreshes rolled back`,
      ...perTag(summary, 'route'),
      ...perTag(summary, 'caller'),
      ...broken,
      ...(scenario === 'stress' ? knee(summary) : []),
    ],
  };
};
