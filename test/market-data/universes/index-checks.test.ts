import test, { type ExecutionContext } from 'ava';
import { calculatorVersion } from '#src/market-data/indexes/index-values.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createIndexChecks } from '#src/market-data/shared/index-checks.ts';
import { base } from '../setup-http.ts';
import { desk, setupUniverses } from './setup.ts';

const { signal } = new AbortController();
const attempt = { last: false };

const setupChecks = async (t: ExecutionContext) => {
  const http = await setupUniverses(t);
  const enqueued: unknown[] = [];
  const calculated: string[] = [];
  /** The next transactions that fail. */
  const failures = { left: 0 };
  const checks = createIndexChecks({
    unitOfWork: {
      run: async (options, work) => {
        failures.left -= 1;
        if (failures.left >= 0) throw new AppError('database_timeout');
        return http.deps.unitOfWork.run(options, work);
      },
    },
    universes: http.universes,
    logger: silentLogger,
    jobs: { enqueue: async (_transaction, queue, { key, data }) => enqueued.push({ queue, key, data }) > 0 },
    calculate: async (universe) => void calculated.push(universe),
  });
  t.is((await http.put('desk', desk())).status, 201);
  const headers = { 'Content-Type': 'text/csv', Prefer: 'wait=20' };
  const body = 'symbol,date,close\nAAA,2024-01-02,100\nBBB,2024-01-02,50\n';
  const upload = await http.call(`${base}/universes/desk/prices`, { method: 'POST', headers, body });
  t.is(upload.status, 200, await upload.text());
  const check = async (): Promise<unknown[]> => {
    enqueued.length = 0;
    await checks.handle({}, signal, attempt);
    return [...enqueued];
  };
  return { ...http, checks, check, enqueued, calculated, failures };
};

const version = String(calculatorVersion);
const jobOfDesk = { queue: 'index_values', key: `desk.${version}`, data: { calculator: version, universe: 'desk' } };

test('a check enqueues a universe with an index of another definition or calculator, and no other one', async (t) => {
  const { check, admin } = await setupChecks(t);
  t.deepEqual(await check(), [], 'the values are those of this version');
  const other = `update market_index set calculation = 'older ' || split_part(calculation, ' ', 2) where code = 'DESK_EW'`;
  await admin.query(other);
  t.deepEqual(await check(), [jobOfDesk]);
  await admin.query(`update market_index set calculation = null where code = 'DESK_EW'`);
  t.deepEqual(await check(), [jobOfDesk]);
});

test('a check leaves out an index that is calculated at this moment', async (t) => {
  const { check, admin, deps } = await setupChecks(t);
  await admin.query(`update market_index set calculation = 'older' where code = 'DESK_EW'`);
  const locked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const calculation = deps.unitOfWork.run({ operation: 'index.calculate' }, async ({ query }) => {
    await query(`update market_index set name = name where code = 'DESK_EW'`);
    locked.resolve();
    await release.promise;
  });
  await locked.promise;
  t.deepEqual(await check(), []);
  release.resolve();
  await calculation;
  t.deepEqual(await check(), [jobOfDesk]);
});

test('a universe that cannot be checked does not keep others from their check', async (t) => {
  const { checks, put, admin, enqueued, failures } = await setupChecks(t);
  const [index] = desk().indexes as readonly object[];
  t.is((await put('alpha', { ...desk(), indexes: [{ ...index, code: 'ALPHA_EW' }] })).status, 201);
  await admin.query(`update market_index set calculation = 'older' where code in ('ALPHA_EW', 'DESK_EW')`);
  failures.left = 1;
  await t.throwsAsync(async () => checks.handle({}, signal, attempt), { code: 'database_timeout' });
  t.deepEqual(enqueued, [jobOfDesk]);
});

test('a worker leaves a job of a newer calculator to newer workers, and drops one of an older calculator', async (t) => {
  const { checks, enqueued, calculated } = await setupChecks(t);
  const job = (calculator: number) =>
    checks.handle({ universe: 'desk', calculator: String(calculator) }, signal, attempt);
  t.deepEqual(await job(calculatorVersion + 1), { putBackSeconds: 60, rests: true });
  t.is(await job(calculatorVersion - 1), undefined);
  t.deepEqual(calculated, []);
  await job(calculatorVersion);
  t.deepEqual(calculated, ['desk']);
  await checks.enqueue();
  t.deepEqual(enqueued, [{ queue: 'index_values', key: `all.universes.${version}`, data: { calculator: version } }]);
});
