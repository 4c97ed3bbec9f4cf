import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { statOf } from '#testkit/measures/processes.ts';
import { optionOfModel } from '#testkit/pricing-reference/option-of-model.ts';
import { postFrom, serveProduction } from './production.ts';

const { volatility: _, ...american } = optionOfModel.andersen_lake;
/** No volatility gives these prices, so that the search tries volatilities up to the max. */
const noVolatility = [
  { ...american, strike: 100, time_to_expiry: 1.69, rate: 0.273, price: 100 },
  { ...american, option_type: 'call', spot: 57.6, strike: 1e-12, time_to_expiry: 1.8, rate: -0.1, price: 57.7 },
  { ...american, spot: 274190654475.98, price: 100, dividend_yield: -1e-12 },
];
const longNames = (count: number, length = 64): string[] =>
  Array.from({ length: count }, (_each, index) => `q${index}_`.padEnd(length, 'zxpwspttimk'));
const unknown = (names: readonly string[]): object => Object.fromEntries(names.map((name) => [name, 1]));

/** Requests of 64 KB or less, whose work the service does itself or gives to a pricing process. */
const attacks: Readonly<Record<string, readonly [path: string, bodies: readonly object[]]>> = {
  'implied volatilities that do not exist': ['implied-volatility', noVolatility],
  'a batch of two of them': ['batch', [{ options: noVolatility.slice(0, 2), outputs: ['implied_volatility'] }]],
  'rows with unknown members': ['batch', [{ options: longNames(800).map((name) => unknown([name])) }]],
  'rows with unknown members of usual lengths': [
    'batch',
    [{ options: longNames(2_000, 20).map((name) => unknown([name])) }],
  ],
  'unknown members of one option': ['price', [unknown(longNames(190, 24)), unknown(longNames(190))]],
  'unknown outputs': ['greeks', [{ outputs: longNames(100, 20) }]],
};
const ordinaryOption = ['price', [{ ...optionOfModel.black_scholes }]] as const;
/** Rows that are refused without a comparison of names, as many as the attacks have. */
const ordinaryRows = (count: number) => ['batch', [{ options: Array.from({ length: count }, () => ({})) }]] as const;
const ordinaryFor = ([, [body]]: (typeof attacks)[string]): (typeof attacks)[string] => {
  const rows = body && 'options' in body && Array.isArray(body.options) ? body.options.length : 0;
  return rows > 2 ? ordinaryRows(rows) : ordinaryOption;
};
const rounds = 12;
const warmUpRounds = 8;
/** The time of an ordinary request shows how busy the machine is, and whether V8 counts the passes of loops for coverage. */
const maxMs = (ordinaryMs: number): number => 25 + 4 * ordinaryMs;

test('requests of one address take little time of the service process, whatever their names and prices', async (t) => {
  t.timeout(300_000);
  const database = await setupDatabase(t);
  // A busy machine must not refuse the requests whose cost is measured.
  const service = await serveProduction(t, database, { TRUSTED_PROXIES: '127.0.0.1', LOAD_LAG_MS: '60000' });
  const processorMs = (): number => statOf(service.pid).processorSeconds * 1_000;
  /** Processor time of the service process for one request. */
  const costOf = async ([path, bodies]: (typeof attacks)[string]): Promise<number> => {
    const send = async (count: number): Promise<void> => {
      for (const body of Array.from({ length: count }, () => bodies).flat()) {
        const { status } = await postFrom(`${service.url}/api/v1/pricing/${path}`, '203.0.113.7', JSON.stringify(body));
        t.true([200, 422].includes(status), `${path}: ${status}`);
      }
    };
    // The code of the first requests is not compiled yet.
    await send(warmUpRounds);
    const before = processorMs();
    await send(rounds);
    return (processorMs() - before) / (rounds * bodies.length);
  };
  await costOf(ordinaryOption);
  for (const [what, attack] of Object.entries(attacks)) {
    const [ordinaryMs, attackMs] = [await costOf(ordinaryFor(attack)), await costOf(attack)];
    const text = `${what}: ${attackMs.toFixed(1)} ms for each request, ${ordinaryMs.toFixed(1)} ms for an ordinary one`;
    t.log(text);
    t.true(attackMs < maxMs(ordinaryMs), text);
  }
});
