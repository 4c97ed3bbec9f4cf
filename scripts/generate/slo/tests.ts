import type { DashboardLinks } from '../dashboards/links.ts';
import { burns, severityOf, type Burn } from './burn.ts';
import { budgetOf, eventsOf, secondsOf, sloDocument, spentRecord, type Slo } from './slo.ts';
import { burnAlerts, yaml, yamlNotice } from './rules.ts';

/** Events per minute in the tests. The number is large, so that small shares are whole numbers. */
const perMinute = 100_000;

/** Rules are evaluated this rarely, because the tests of windows of days are slow. */
const evaluationMinutes = 40;

/** A burn lasts until this minute. It is more than half of the longest window, the history that its alert needs. */
const burnMinutes = 2_400;

type Series = { readonly series: string; readonly values: string };

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

/** Counters of good and bad events: `badEvents` each minute during the burn, then only good ones. */
const countersOf = (slo: Slo, badEvents: number, minuteEvents: number): Series[] => {
  if (slo.kind === 'staleness' || slo.kind === 'probe') throw new Error(`${slo.kind} has series of its own`);
  const { total, good, bad } = eventsOf(slo);
  const part = (each: number, after: number): string => `0+${each}x${burnMinutes} ${each * burnMinutes}+${after}x600`;
  const whole = concrete(total);
  if (bad !== undefined) {
    // The input has bad and good events, so that the selector of all events matches both and the other matches only bad
    // events.
    return [
      { series: concrete(bad), values: part(badEvents, 0) },
      {
        series: whole.includes('{') ? whole.replace('}', ',rest="good"}') : `${whole}{rest="good"}`,
        values: part(minuteEvents - badEvents, minuteEvents),
      },
    ];
  }
  return [
    { series: concrete(total), values: part(minuteEvents, minuteEvents) },
    { series: concrete(good!), values: part(minuteEvents - badEvents, minuteEvents) },
  ];
};

/** Series of a level with a burn rate of `factor`. */
const seriesOf = (slo: Slo, factor: number): Series[] => {
  const share = budgetOf(slo) * factor;
  // The mean of a gauge stands for the share of checks that fail. There are ten of them, because an alert needs five bad events.
  if (slo.kind === 'probe') {
    return Array.from({ length: 10 }, (_, index) => ({
      series: concrete(slo.success).replace('}', `,instance="${index}"}`),
      values: `${1 - share}x${burnMinutes} 1x600`,
    }));
  }
  return countersOf(slo, Math.round(perMinute * share), perMinute);
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
 * The spent budget after a short history. Each sample counts as a minute, although they are further apart here. The first
 * sample of a counter has no rate.
 */
const spentTest = (slo: Slo, factor: number): object => {
  const minute = 2_000;
  const samples = minute / evaluationMinutes + (slo.kind === 'probe' ? 1 : 0);
  return {
    expr: `round(${spentRecord}{slo="${slo.name}"}, 0.001)`,
    eval_time: `${minute}m`,
    exp_samples: [
      {
        labels: `{slo="${slo.name}"}`,
        value: Number(((factor * samples) / (secondsOf(sloDocument.window) / 60)).toFixed(3)),
      },
    ],
  };
};

/**
 * Two tests, with a burn rate just above the highest page factor and the highest ticket factor. All alerts with a lower
 * factor fire when they have enough history, and are over 480 minutes after the burn.
 */
const burnTests = (slo: Slo, links: DashboardLinks): object[] =>
  [burns[0]!, burns[2]!].map((burn) => {
    const factor = burn.factor + 1;
    const firingAt = (minute: number): object[] =>
      burns
        .filter((other) => other.factor < factor && secondsOf(other.long) / 120 < minute)
        .map((other) => expected(slo, other, links, String(factor)));
    return {
      name: `${slo.name}: ${factor}x, ${severityOf(slo, burn)}`,
      interval: '1m',
      input_series: seriesOf(slo, factor),
      alert_rule_test: [at(0, slo, []), at(burnMinutes, slo, firingAt(burnMinutes)), at(burnMinutes + 480, slo, [])],
      promql_expr_test: [spentTest(slo, factor)],
    };
  });

/** The first alert that can fire after a fresh start is the one with the shortest windows. */
const historyTest = (slo: Slo, links: DashboardLinks): object => ({
  name: `${slo.name}: a fresh start`,
  interval: '1m',
  input_series: seriesOf(slo, burns[0]!.factor + 1),
  alert_rule_test: [at(29, slo, []), at(36, slo, [expected(slo, burns[0]!, links, String(burns[0]!.factor + 1))])],
});

const quietTest = (slo: Slo): object => ({
  name: `${slo.name}: quiet at half the budget`,
  interval: '1m',
  input_series: seriesOf(slo, 0.5),
  alert_rule_test: [at(80, slo, []), at(burnMinutes, slo, [])],
});

/** A level with one event in 20 minutes, each of them bad: the burn rate is high, and the events are few. */
const fewEventsTest = (slo: Slo): object => {
  if (slo.kind === 'staleness' || slo.kind === 'probe') throw new Error(`${slo.kind} has series of its own`);
  const { total, good, bad } = eventsOf(slo);
  const rare = '0x9 1x19 2x19 3x19';
  return {
    name: `${slo.name}: quiet with fewer bad events than ${slo.min_bad_events}`,
    interval: '1m',
    input_series: [
      { series: concrete(bad ?? total), values: rare },
      ...(good === undefined ? [] : [{ series: concrete(good), values: '0x60' }]),
    ],
    alert_rule_test: [at(52, slo, [])],
  };
};

/** The data are too old from the start until the refresh at the end of the burn. */
const stalenessTests = (slo: Extract<Slo, { kind: 'staleness' }>, links: DashboardLinks): object[] => {
  const daySeconds = 86_400;
  const limit = daySeconds * slo.times;
  const labels = (name: string): string => `{${slo.by}="${name}",instance="a:9464"}`;
  // What is refreshed once a week is not stale after two days, and an upload without a schedule never is.
  const series = (values: string): Series[] => [
    { series: `${slo.timestamp}${labels('daily')}`, values },
    { series: `${slo.period}${labels('daily')}`, values: `${daySeconds}x${burnMinutes + 480}` },
    { series: `${slo.timestamp}${labels('uploaded')}`, values: `${-10 * limit}x${burnMinutes + 480}` },
  ];
  const weekly: Series[] = [
    { series: `${slo.timestamp}${labels('weekly')}`, values: `${-limit - 600}x${burnMinutes}` },
    { series: `${slo.period}${labels('weekly')}`, values: `${7 * daySeconds}x${burnMinutes}` },
  ];
  return [
    {
      name: `${slo.name}: stale, then refreshed`,
      interval: '1m',
      input_series: series(`${-limit - 600}x${burnMinutes - 1} ${burnMinutes * 60}x480`),
      alert_rule_test: [
        at(0, slo, []),
        at(
          burnMinutes - evaluationMinutes,
          slo,
          burns.map((burn) => expected(slo, burn, links, '100')),
        ),
        at(burnMinutes + 480, slo, []),
      ],
    },
    {
      name: `${slo.name}: quiet while the data are fresh`,
      interval: '1m',
      input_series: [...series(`0x${burnMinutes}`), ...weekly],
      alert_rule_test: [at(80, slo, []), at(burnMinutes, slo, [])],
    },
  ];
};

const windowTests = (slo: Slo, links: DashboardLinks): object[] =>
  slo.kind === 'staleness' ? stalenessTests(slo, links) : [quietTest(slo), ...burnTests(slo, links)];

const startTests = (slo: Slo, links: DashboardLinks): object[] => {
  if (slo.kind === 'staleness') return [];
  const tests = [historyTest(slo, links)];
  return slo.kind === 'probe' || slo.min_bad_events < 4 ? tests : [...tests, fewEventsTest(slo)];
};

const file = (minutes: number, tests: (slo: Slo, links: DashboardLinks) => object[], links: DashboardLinks): string =>
  yamlNotice('slo.yaml') +
  yaml({
    rule_files: ['../rules/slo.yml'],
    evaluation_interval: `${minutes}m`,
    tests: sloDocument.slos.flatMap((slo) => tests(slo, links)),
  });

/** alerts/tests/slo.yml */
export const sloTests = (links: DashboardLinks): string => file(evaluationMinutes, windowTests, links);

/** alerts/tests/slo-start.yml: the first hour, and levels with few events. */
export const sloStartTests = (links: DashboardLinks): string => file(1, startTests, links);
