import test from 'ava';
import { Registry } from 'prom-client';
import {
  metricCatalogue,
  type ExistingNames,
  type MetricDeclaration,
  type Metrics,
} from '#src/kernel/catalogue/metrics.ts';
import { renderMetrics } from '#src/telemetry/metrics/exposition.ts';
import { createMetrics } from '#src/telemetry/metrics/metrics.ts';

type Report = (name: string, labels: object, value: number) => void;

const declarations = Object.entries<MetricDeclaration>(metricCatalogue);
const forgotten = declarations.filter(([, { ends }]) => ends === 'forgotten');

const setup = () => {
  const registry = new Registry();
  const metrics = createMetrics({ registry, enabled: true, build: { version: '1', commit: 'abc' } });
  const text = async (): Promise<string> => (await renderMetrics(registry, 'text')).body;
  return { metrics, text };
};

const existing = (...names: string[]): ExistingNames => ({ universe: async () => names });

/** Reports once to a metric, with `universe` as the name that a caller made, and each value of a closed list. */
const report = (metrics: Metrics, [name, { type, labels }]: (typeof declarations)[number], universe: string): void => {
  const one = Object.fromEntries(
    Object.entries(labels).map(([label, values]) => [label, typeof values === 'string' ? universe : values[0]]),
  );
  const calls = { counter: metrics.count, gauge: metrics.set, histogram: metrics.observe } as unknown as Record<
    string,
    Report
  >;
  calls[type]!(name, one, 1);
};

test('each label whose values the service makes is listed here, because one of callers must say how its series end', (t) => {
  const ofService = declarations.flatMap(([, { labels }]) =>
    Object.keys(labels).filter((label) => labels[label] === 'service'),
  );
  t.deepEqual([...new Set(ofService)].toSorted(), [
    'commit',
    'db_collection_name',
    'db_operation_name',
    'http_response_status_code',
    'http_route',
    'node_version',
    'pool',
    'rank',
    'service_instance_id',
    'service_name',
    'table',
    'version',
  ]);
});

test('each metric with names of callers says how its series end, and has one such label', (t) => {
  for (const [name, { labels, ends, type }] of declarations) {
    const ofCallers = Object.values(labels).filter((values) => values === 'caller');
    t.is(ofCallers.length, ends === undefined ? 0 : 1, name);
    if (ends === 'replaced') t.is(type, 'gauge', name);
  }
  t.true(forgotten.length >= 5);
});

test('the series of a name that does not exist any more are removed, of each metric, and those of others stay', async (t) => {
  const { metrics, text } = setup();
  for (const declaration of forgotten) {
    report(metrics, declaration, 'gone');
    report(metrics, declaration, 'here');
  }
  const before = await text();
  for (const [name] of forgotten) t.regex(before, new RegExp(`^${name}\\S*universe="gone"`, 'm'), name);
  await metrics.forget(existing('here'));
  const after = await text();
  t.notRegex(after, /universe="gone"/);
  for (const [name] of forgotten) t.regex(after, new RegExp(`^${name}\\S*universe="here"`, 'm'), name);
  metrics.count('volwatch_prices_quarantined_total', { universe: 'gone' }, 3);
  t.true((await text()).includes('volwatch_prices_quarantined_total{universe="gone"} 3'), 'a new one begins at 0');
});

test('a name that is made while the names are read stays, and a failed read removes nothing', async (t) => {
  const { metrics, text } = setup();
  const count = (universe: string): void => metrics.count('volwatch_prices_quarantined_total', { universe });
  count('old');
  await metrics.forget({
    universe: async () => {
      count('new');
      return ['old'];
    },
  });
  t.regex(await text(), /universe="new"/);
  await t.throwsAsync(
    metrics.forget({
      universe: async () => {
        throw new Error('the database is down');
      },
    }),
  );
  t.regex(await text(), /universe="old"/);
});

test('the names of a process that nobody scrapes are bounded', async (t) => {
  const { metrics, text } = setup();
  for (let each = 0; each < 20_010; each += 1) {
    metrics.count('volwatch_prices_quarantined_total', { universe: `universe-${each}` });
    metrics.count('volwatch_prices_quarantined_total', { universe: 'used' });
  }
  const lines = (await text()).split('\n').filter((line) => line.startsWith('volwatch_prices_quarantined_total{'));
  t.is(lines.length, 20_000);
  t.true(lines.includes('volwatch_prices_quarantined_total{universe="used"} 20010'));
});
