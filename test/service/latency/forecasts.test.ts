import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, option, serve, takeToken } from '#testkit/running-service.ts';

const symbols = ['^GSPC', 'COPY1', 'COPY2', 'COPY3', 'COPY4'];
const requests = 300;
const limitMs = 50;
/** Max ratio of the p99 with forecasts to the p99 without, on a machine that is too busy for the limit. */
const maxRatio = 3;
const maxRounds = 5;

const p99 = (durationsMs: readonly number[]): number =>
  durationsMs.toSorted((a, b) => a - b)[Math.ceil(durationsMs.length * 0.99) - 1]!;

test('five forecasts at once leave the p99 of POST /pricing/price under 50 ms', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url });
  await service.logged(({ message }) => message === 'started', 60_000);
  await eventually(
    async () => (await database.query(`select 1 from refresh where status = 'succeeded'`)).length === 2,
    'the sample data are loaded',
    60_000,
  );
  // Closes of other symbols. A factor for each day makes their returns differ from those of the index.
  await database.query(
    `with copy as (
       insert into asset (id, symbol, name, exchange, currency)
       select (select max(id) from asset) + n, 'COPY' || n, 'Copy', '', 'USD' from generate_series(1, 4) as n
       returning id
     )
     insert into price (asset_id, date, close)
     select copy.id, date, close * (1 + 0.002 * sin(copy.id * extract(doy from date)::float8))
     from copy cross join price where asset_id = (select id from asset where symbol = '^GSPC')`,
  );
  const [counted] = await database.query(
    `select min(count)::int as closes from (select count(*) as count from price join asset on asset.id = asset_id
     where symbol = any($1) group by symbol) as counts`,
    [symbols],
  );
  t.true(Number(counted?.['closes']) >= 5_000);

  const api = `${service.url}/api/v1`;
  const headers = { Authorization: `Bearer ${await takeToken(service)}` };

  const priceMs = async (): Promise<number[]> => {
    const durationsMs: number[] = [];
    for (let sent = 0; sent < requests; sent += 1) {
      const started = performance.now();
      const { status } = await call(`${api}/pricing/price`, json({ ...option, strike: 90 + (sent % 20) }));
      durationsMs.push(performance.now() - started);
      if (status !== 200) throw new Error(`A price was answered with ${status}`);
    }
    return durationsMs;
  };

  /** Repeats the forecasts of five callers while `work` runs. @returns its result, and the answered forecasts of each */
  const whileForecasting = async <T>(work: () => Promise<T>) => {
    const end = new AbortController();
    const answered = symbols.map(() => 0);
    const callers = symbols.map(async (symbol, index) => {
      for (let horizon = 5 + 7 * index; !end.signal.aborted; horizon += 1) {
        const asked = { symbol, method: 'garch11', horizon_periods: horizon };
        const { status } = await call(`${api}/ml/volatility-forecast`, json(asked, headers));
        if (status !== 200) throw new Error(`A forecast of ${symbol} was answered with ${status}`);
        answered[index]! += 1;
      }
    });
    const forecasts = Promise.all(callers);
    const worked = work().finally(() => end.abort());
    const [result] = await Promise.all([worked, forecasts]);
    return { result, answered };
  };

  await priceMs();
  await whileForecasting(async () => {});
  const rounds: string[] = [];
  for (let round = 1; round <= maxRounds; round += 1) {
    const calmMs = p99(await priceMs());
    const { result, answered } = await whileForecasting(priceMs);
    const busyMs = p99(result);
    t.true(
      answered.every((count) => count > 0),
      `forecasts answered: ${answered.join(', ')}`,
    );
    rounds.push(`${busyMs.toFixed(1)} ms with ${answered.join('+')} forecasts, ${calmMs.toFixed(1)} ms without`);
    if (busyMs < limitMs || busyMs < maxRatio * calmMs) break;
    t.true(round < maxRounds, rounds.join('; '));
  }
  t.log(rounds.join('; '));
});
