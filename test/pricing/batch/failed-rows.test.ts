import test from 'ava';
import { call, setup } from '../setup.ts';

// A small batch is priced in the service, a large one in a pricing process.
for (const [where, repeated] of [
  ['the service', 1],
  ['a pricing process', 2_000],
] as const) {
  test(`failed rows are counted by reason and named in one log line (${where})`, async (t) => {
    const { service, metrics, lines, workers } = setup();
    t.teardown(workers.close);
    const bad = [
      { ...call, spot: -1 },
      { ...call, model: 'nothing' },
      7,
      // At the money at expiry there is no gamma.
      { ...call, time_to_expiry: 0, strike: call.spot },
    ];
    const options = [call, ...bad, ...Array.from({ length: repeated }, () => ({ ...call, strike: -1 }))];
    const { results, failed } = await service.batch({ options, outputs: ['gamma'] });
    const codes = results.flatMap(({ error }) => (error as { code: string } | undefined)?.code ?? []);
    t.is(codes.length, failed);
    const counts: Record<string, number> = {};
    for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
    t.is(counts['validation_failed'], repeated + 2);
    t.is(counts['pricing_model_unknown'], 1);
    t.is(counts['pricing_calculation_failed'], 1);
    for (const [code, count] of Object.entries(counts)) {
      t.is(metrics.value('volwatch_pricing_failed_items_total', { code }), count, code);
    }
    const reported = lines.filter(({ fields }) => fields['failed_by_code'] !== undefined);
    t.is(reported.length, 1);
    t.like(reported[0]?.fields, { rows: options.length, format: 'objects', failed_by_code: counts });
    const first = reported[0]?.fields['first_failures'] as { index: number; code: string }[];
    t.true(first.length <= 5);
    t.deepEqual(first.slice(0, 3), [
      { index: 1, code: 'validation_failed' },
      { index: 2, code: 'pricing_model_unknown' },
      { index: 3, code: 'validation_failed' },
    ]);
  });
}

test('columns count their failed rows, and a batch without failures has no log line', async (t) => {
  const { service, metrics, lines, workers } = setup();
  t.teardown(workers.close);
  const { spot, strike, time_to_expiry, rate, volatility, option_type } = call;
  const columns = { spot: [spot, -1, spot], strike, time_to_expiry, rate, volatility, option_type };
  await service.batch({ columns });
  t.is(metrics.value('volwatch_pricing_failed_items_total', { code: 'validation_failed' }), 1);
  t.deepEqual(lines.at(-1)?.fields['first_failures'], [{ index: 1, code: 'validation_failed' }]);
  const before = lines.length;
  await service.batch({ options: [call] });
  t.is(lines.length, before);
});
