import type { DashboardLinks } from '../dashboards/links.ts';
import { burns, severityOf, type Burn } from './burn.ts';
import { budgetOf, eventsOf, sloDocument, type Slo } from './slo.ts';
import { burnAlerts, yaml, yamlNotice } from './rules.ts';

/** Events per minute in the tests. The number is large, so that small shares are whole numbers. */
const perMinute = 100_000;

/** The series of a selector. Each operator becomes one label value that it matches. */
const concrete = (selector: string): string =>
  selector
    .replaceAll(
      /(\w+)=~"([^"|]*)(?:\|[^"]*)?"/g,
      (_, label: string, value: string) => `${label}="${value.replaceAll('.', '0')}"`,
    )
    .replaceAll(/,?\w+!~"[^"]*"/g, '')
    .replace('{,', '{')
    .replace('{}', '');

/** Series of a level with a burn rate of `factor` for ten minutes, then without bad events. */
const seriesOf = (slo: Slo, factor: number): { series: string; values: string }[] => {
  if (slo.kind === 'staleness') throw new Error('levels by time have a test of their own');
  const { total, good, bad } = eventsOf(slo);
  const badEvents = Math.round(perMinute * budgetOf(slo) * factor);
  const part = (each: number, after: number): string => `0+${each}x10 ${each * 10}+${after}x600`;
  const whole = concrete(total);
  if (bad !== undefined) {
    // The input has bad and good events, so that the selector of all events matches both and the other matches only bad
    // events.
    return [
      { series: concrete(bad), values: part(badEvents, 0) },
      {
        series: whole.includes('{') ? whole.replace('}', ',rest="good"}') : `${whole}{rest="good"}`,
        values: part(perMinute - badEvents, perMinute),
      },
    ];
  }
  return [
    { series: concrete(total), values: part(perMinute, perMinute) },
    { series: concrete(good!), values: part(perMinute - badEvents, perMinute) },
  ];
};

type AlertRule = { readonly labels: Record<string, string>; readonly annotations: Record<string, string> };

const expected = (slo: Slo, burn: Burn, links: DashboardLinks, value: string) => {
  const rule = burnAlerts(slo, links)[burns.indexOf(burn)] as AlertRule;
  return {
    exp_labels: { ...rule.labels, slo: slo.name },
    exp_annotations: {
      ...rule.annotations,
      summary: rule.annotations['summary']!.replace('{{ $value | humanize }}', value),
    },
  };
};

const at = (minute: number, slo: Slo, alerts: object[]) => ({
  eval_time: `${minute}m`,
  alertname: slo.alert,
  exp_alerts: alerts,
});

/**
 * Two tests, with a burn rate just above the highest page factor and the highest ticket factor. All alerts with a lower
 * factor fire at minute 10 and are over at minute 460.
 */
const burnTests = (slo: Slo, links: DashboardLinks): object[] =>
  [burns[0]!, burns[2]!].map((burn) => {
    const factor = burn.factor + 1;
    const firing = burns.filter((other) => other.factor < factor);
    return {
      name: `${slo.name}: ${factor}x, ${severityOf(slo, burn)}`,
      interval: '1m',
      input_series: seriesOf(slo, factor),
      alert_rule_test: [
        at(0, slo, []),
        at(
          10,
          slo,
          firing.map((other) => expected(slo, other, links, String(factor))),
        ),
        at(460, slo, []),
      ],
    };
  });

const quietTest = (slo: Slo): object => ({
  name: `${slo.name}: quiet at half the budget`,
  interval: '1m',
  input_series: seriesOf(slo, 0.5),
  alert_rule_test: [at(10, slo, []), at(60, slo, [])],
});

/**
 * At the start, the age of the data is 10 minutes below the limit. The data are stale from minute 10 until the refresh
 * at minute 60.
 */
const stalenessTest = (slo: Extract<Slo, { kind: 'staleness' }>, links: DashboardLinks): object => {
  const limit = slo.schedule_hours * 3_600 * slo.times;
  const series = (value: string) => [
    { series: `${slo.timestamp}{${slo.by}="tech5",instance="a:9464"}`, values: value },
  ];
  return {
    name: `${slo.name}: quiet, stale, refreshed`,
    interval: '1m',
    input_series: series(`${600 - limit}x59 3600x420`),
    alert_rule_test: [
      at(10, slo, []),
      // Two of the five samples are stale: a ratio of 0.4, which is 40 times the budget of 0.01.
      at(
        20,
        slo,
        burns.map((burn) => expected(slo, burn, links, '40')),
      ),
      at(470, slo, []),
    ],
  };
};

/** alerts/tests/slo.yml */
export const sloTests = (links: DashboardLinks): string =>
  yamlNotice('slo.yaml') +
  yaml({
    rule_files: ['../rules/slo.yml'],
    evaluation_interval: '5m',
    tests: sloDocument.slos.flatMap((slo) =>
      slo.kind === 'staleness' ? [stalenessTest(slo, links)] : [quietTest(slo), ...burnTests(slo, links)],
    ),
  });
