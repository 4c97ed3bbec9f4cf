import test from 'ava';
import { arrowStream } from '#testkit/arrow/arrow-support.ts';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, metric, scrape, takeToken } from '#testkit/running-service.ts';
import { serveProduction } from './production.ts';

const arrow = 'application/vnd.apache.arrow.stream';

const chunkOf = (rows: number, texts: Readonly<Record<string, string>>, outputs = 'price'): Buffer => {
  const numbers = (from: number, width: number) =>
    Array.from({ length: rows }, (_, row) => from + (width * row) / rows);
  const columns = {
    spot: numbers(90, 20),
    strike: numbers(80, 40),
    time_to_expiry: numbers(0.5, 1),
    rate: numbers(0.01, 0.04),
    volatility: numbers(0.1, 0.4),
    option_type: Array.from({ length: rows }, () => 'put'),
  };
  const same = Object.entries(texts).map(([name, text]) => [name, Array.from({ length: rows }, () => text)] as const);
  return Buffer.from(arrowStream({ ...columns, ...Object.fromEntries(same) }, { dictionary: true, outputs }));
};
/** Takes a processor for longer than the test waits for the end of cancelled work. */
const slow = chunkOf(
  100_000,
  { model: 'andersen_lake', exercise_style: 'american', precision: 'high' },
  'price,delta,gamma,vega,theta,rho',
);

test('slow chunks of one owner do not stop the jobs of another, and cancelling ends the work on them', async (t) => {
  t.timeout(180_000);
  const database = await setupDatabase(t);
  const service = await serveProduction(t, database, {
    JOBS_POLL_MS: '500',
    PRICING_JOB_CHUNK_MS: '86400000',
    DATABASE_ACQUIRE_TIMEOUT_MS: '5000',
  });
  const at = (path: string) => `${service.url}/api/v1/${path}`;
  const person = { email: 'slow@example.com', password: 'correct horse battery' };
  await call(at('auth/register'), json(person));
  const login = await call(at('auth/login'), json(person));
  const owners = [String(login.body['access_token']), await takeToken(service)].map((token) => {
    const headers = { Authorization: `Bearer ${token}` };
    const path = (rest = '') => at(`pricing/jobs${rest}`);
    return {
      open: async () => String((await call(path(), json({}, headers))).body['id']),
      put: (id: string, number: number, body: Buffer) =>
        call(path(`/${id}/chunks/${number}`), { method: 'PUT', headers: { ...headers, 'Content-Type': arrow }, body }),
      chunks: async (id: string) => (await call(path(`/${id}`), { headers })).body['chunks'],
      cancel: (id: string) => call(path(`/${id}`), { method: 'DELETE', headers }),
    };
  });
  const [attacker, victim] = [owners[0]!, owners[1]!];

  const slowJob = await attacker.open();
  for (const number of [1, 2, 3]) {
    // The queues of jobs open a moment after the service listens.
    const isStored = async () => (await attacker.put(slowJob, number, slow)).status === 202;
    await eventually(isStored, 'the chunk is stored', 20_000);
  }
  const isBusy = async () => metric(await scrape(service), 'volwatch_workers_busy') > 0;
  await eventually(isBusy, 'a process is busy', 20_000);

  const job = await victim.open();
  t.is((await victim.put(job, 1, chunkOf(100, {}))).status, 202);
  await eventually(
    async () => ((await victim.chunks(job)) as { done: number }).done === 1,
    'the chunk of another owner is done',
    60_000,
  );
  t.like(await attacker.chunks(slowJob), { total: 3, done: 0, failed: 0 }, 'the slow chunks are still priced');

  t.is((await attacker.cancel(slowJob)).status, 204);
  await eventually(async () => !(await isBusy()), 'the work ends with the job', 15_000);
  t.is(metric(await scrape(service), 'volwatch_workers_restarts_total'), 0);
});
