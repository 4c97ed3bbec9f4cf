import test from 'ava';
import { setTimeout as sleep } from 'node:timers/promises';
import { setupDatabase } from '#testkit/database.ts';
import { metric, option, scrape } from '#testkit/running-service.ts';
import { postFrom, serveProduction } from './production.ts';

const american = { ...option, model: 'andersen_lake', exercise_style: 'american', option_type: 'put' };
/** 100,000 American rows at high precision: some ten seconds of a processor in a body of half a megabyte. */
const hugeBatch = JSON.stringify({
  columns: {
    spot: Array.from({ length: 100_000 }, (_, row) => 80 + (row % 40)),
    strike: 100,
    time_to_expiry: 1,
    rate: 0.03,
    volatility: 0.3,
    option_type: 'put',
    precision: 'high',
  },
  model: 'andersen_lake',
  exercise_style: 'american',
});
const ordinaryBatch = JSON.stringify({ options: Array.from({ length: 1_000 }, () => option) });
const slowSingle = JSON.stringify({ ...american, model: 'binomial_lr', steps: 3_001 });
const connections = 16;

for (const addresses of [1, 8]) {
  test.serial(
    `${connections} connections of huge batches from ${addresses} addresses: others are served`,
    async (t) => {
      t.timeout(120_000);
      const database = await setupDatabase(t);
      // Loopback is the trusted proxy, so that the test can have many addresses.
      const service = await serveProduction(t, database, { TRUSTED_PROXIES: '127.0.0.1', LOAD_LIMIT_BATCH: '64' });
      const batchUrl = `${service.url}/api/v1/pricing/batch`;
      const stopped = new AbortController();
      const attack = Array.from({ length: connections }, async (_, connection) => {
        while (!stopped.signal.aborted) {
          await postFrom(batchUrl, `203.0.113.${connection % addresses}`, hugeBatch, {}, stopped.signal).catch(
            () => {},
          );
          // The pause of an attacker between its requests.
          await sleep(10);
        }
      });
      // The duration of the attack before the other callers come.
      await sleep(2_000);
      const results: { readonly what: string; readonly status: number; readonly ms: number }[] = [];
      for (let round = 0; round < 20; round += 1) {
        results.push({ what: 'batch', ...(await postFrom(batchUrl, '198.51.100.7', ordinaryBatch)) });
        results.push({
          what: 'single',
          ...(await postFrom(`${service.url}/api/v1/pricing/price`, '198.51.100.8', slowSingle)),
        });
      }
      stopped.abort();
      await Promise.all(attack);
      for (const what of ['batch', 'single']) {
        const mine = results.filter((result) => result.what === what);
        const good = mine.filter(({ status, ms }) => status === 200 && ms < 2_000);
        const slowest = Math.max(...mine.map(({ ms }) => ms));
        t.log(`${what}: ${good.length} of ${mine.length} within 2 s, slowest ${slowest.toFixed(0)} ms`);
        t.true(
          good.length >= 0.95 * mine.length,
          JSON.stringify(mine.map(({ status, ms }) => [status, Math.round(ms)])),
        );
      }
      const exposition = await scrape(service);
      t.is(metric(exposition, 'volwatch_workers_restarts_total'), 0);
      if (addresses === 1) t.true(metric(exposition, 'volwatch_abuse_refused_total', { kind: 'work_by_caller' }) > 0);
    },
  );
}
