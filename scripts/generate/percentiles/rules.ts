import { yaml, yamlNotice } from '../slo/rules.ts';
import { expressionOf, percentiles, quantiles, recordOf } from './percentiles.ts';

const source = 'scripts/generate/percentiles/percentiles.ts';

/** alerts/rules/percentiles.yml */
export const percentileRules = (): string =>
  yamlNotice(source) +
  yaml({
    groups: percentiles.map((each) => ({
      name: `percentiles:${each.subject}`,
      rules: quantiles.map((quantile) => ({
        record: recordOf(each),
        expr: expressionOf(each, quantile),
        labels: { quantile: String(quantile) },
      })),
    })),
  });

/** Observations per minute up to each bound: half of all in the first second, 95 % in two, 99 % in three, all in four. */
const perMinute: Readonly<Record<string, number>> = { '1': 3_000, '2': 5_700, '3': 5_940, '4': 6_000, '+Inf': 6_000 };
/** Two instances, of which the second has the same distribution, so that the percentiles are those of one. */
const instances = ['a:9464', 'b:9464'];
const expected: Readonly<Record<string, number>> = { '0.5': 1, '0.95': 2, '0.99': 3 };

const text = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',');

/** alerts/tests/percentiles.yml */
export const percentileTests = (): string =>
  yamlNotice(source) +
  yaml({
    rule_files: ['../rules/percentiles.yml'],
    evaluation_interval: '1m',
    tests: percentiles.map((each) => {
      const kept = Object.fromEntries(each.by.map((label) => [label, `some_${label}`]));
      return {
        name: `percentiles of ${each.metric}`,
        interval: '1m',
        input_series: instances.flatMap((instance) =>
          Object.entries(perMinute).map(([le, count]) => ({
            series: `${each.metric}_bucket{${text({ job: 'volwatch', instance, ...kept, le })}}`,
            values: `0+${count}x20`,
          })),
        ),
        promql_expr_test: quantiles.map((quantile) => ({
          expr: `${recordOf(each)}{quantile="${quantile}"}`,
          eval_time: '15m',
          exp_samples: [
            {
              labels: `${recordOf(each)}{${text({ ...kept, quantile: String(quantile) })}}`,
              value: expected[String(quantile)],
            },
          ],
        })),
      };
    }),
  });
