import test from 'ava';
import { computationTime } from '#src/pricing/request/computation-time.ts';
import { setup } from './setup.ts';

const { service, workers } = setup();
test.after.always(() => workers.close());

const option = { spot: 100, strike: 105, time_to_expiry: 0.5, rate: 0.03, volatility: 0.2, option_type: 'call' };
const hasThreeDigits = (ms: unknown): boolean => typeof ms === 'number' && ms >= 0 && ms === computationTime(ms);

test('computation_time_ms has at most three digits after the point, of single options and of batches', async (t) => {
  t.is(computationTime(0.123456789), 0.123);
  t.is(computationTime(12.0006), 12.001);
  t.true(hasThreeDigits((await service.price(option)).computation_time_ms));
  const rows = (await service.batch({ options: [option] })) as unknown as { computation_time_ms: unknown };
  t.true(hasThreeDigits(rows.computation_time_ms), String(rows.computation_time_ms));
  const columns = (await service.batch({ columns: option })) as unknown as { computation_time_ms: unknown };
  t.true(hasThreeDigits(columns.computation_time_ms), String(columns.computation_time_ms));
});
