import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import { eventually } from '#testkit/eventually.ts';
import { balances, setup, setupBehindProxy } from '../setup.ts';

const operation = 'refresh.apply';
const copy = 'copy account (id, balance) from stdin';

const rows = async function* (from: number, to: number): AsyncGenerator<Buffer> {
  for (let id = from; id <= to; id += 1) yield Buffer.from(`${id}\t${id}\n`);
};

test('rows are copied in the transaction, and go with it', async (t) => {
  const { database, admin } = await setup(t);
  const before = (await balances(admin)).length;
  t.is(await database.unitOfWork.run({ operation }, ({ copyIn }) => copyIn(copy, rows(10, 5_009))), 5_000);
  t.is((await balances(admin)).length, before + 5_000);
  await t.throwsAsync(
    database.unitOfWork.run({ operation }, async ({ copyIn }) => {
      await copyIn(copy, rows(6_000, 6_010));
      throw new AppError('shutting_down');
    }),
    { code: 'shutting_down' },
  );
  t.is((await balances(admin)).length, before + 5_000);
});

test('an error of the rows is thrown as it is, and the connection can be used again', async (t) => {
  const { database, admin } = await setup(t, { poolMax: 1 });
  const before = await balances(admin);
  const pids = new Set<unknown>();
  for (const late of [false, true]) {
    const broken = async function* (): AsyncGenerator<Buffer> {
      if (late) yield* rows(10, 20_000);
      throw new AppError('malformed_body', 'For tests');
    };
    await t.throwsAsync(
      database.unitOfWork.run({ operation }, async ({ copyIn, query }) => {
        pids.add((await query('select pg_backend_pid() as pid'))[0]?.['pid']);
        await copyIn(copy, broken());
      }),
      { code: 'malformed_body', message: 'For tests' },
    );
    t.deepEqual(await balances(admin), before);
  }
  t.is(pids.size, 1);
});

test('rows that the server refuses, a timeout and a killed session end the copy; the rest of the rows is not read', async (t) => {
  const { database, admin } = await setup(t);
  const before = await balances(admin);
  const endless = async function* (piece: string): AsyncGenerator<Buffer> {
    yield Buffer.from(piece);
    for (let id = 100; ; id += 1) {
      await sleep(1);
      yield Buffer.from(`${id}\t1\n`);
    }
  };
  await t.throwsAsync(
    database.unitOfWork.run({ operation }, ({ copyIn }) => copyIn(copy, endless('x\ty\n'))),
    { message: /invalid input syntax/ },
  );
  const late = database.unitOfWork.run({ operation, statementTimeoutMs: 200 }, ({ copyIn }) =>
    copyIn(copy, endless('10\t1\n')),
  );
  t.is(await late.then(String, codeOf), 'database_timeout');
  let pid: unknown;
  const killed = database.unitOfWork
    .run({ operation }, async ({ copyIn, query }) => {
      pid = (await query('select pg_backend_pid() as pid'))[0]?.['pid'];
      await copyIn(copy, endless('10\t1\n'));
    })
    .then(String, codeOf);
  await eventually(() => pid !== undefined, 'the copy has begun');
  await admin.query(`select pg_terminate_backend(${String(pid)})`);
  t.is(await killed, 'database_unavailable');
  t.deepEqual(await balances(admin), before);
  t.is(await database.unitOfWork.run({ operation }, ({ copyIn }) => copyIn(copy, rows(10, 10))), 1);
});

test('work that cannot be repeated runs once', async (t) => {
  const { database } = await setup(t);
  for (const [mayRepeat, expected] of [
    [false, 1],
    [true, 3],
  ] as const) {
    let runs = 0;
    const conflict = database.unitOfWork.run({ operation, mayRepeat }, async () => {
      runs += 1;
      if (runs < 3 || !mayRepeat) throw new AppError('database_conflict');
    });
    t.is(await conflict.then(() => 'done', codeOf), mayRepeat ? 'done' : 'database_conflict');
    t.is(runs, expected);
  }
});

const block = Buffer.from('1\t1\n'.repeat(16_384));

/** More than the sockets between the service, the proxy and the server hold. */
const unlimited = async function* (): AsyncGenerator<Buffer> {
  for (;;) yield block;
};

test('a server that takes no rows, or does not answer after the last one, ends the copy after the statement timeout', async (t) => {
  const { database, proxy } = await setupBehindProxy(t, { poolMax: 1, statementTimeoutMs: 500 });
  const frozen = async function* (): AsyncGenerator<Buffer> {
    yield block;
    proxy.freeze();
    yield* unlimited();
  };
  const silentAtTheEnd = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from('10\t1\n');
    proxy.blackhole();
  };
  for (const source of [frozen, silentAtTheEnd]) {
    const startedAt = performance.now();
    // The longer statement timeout of the unit of work is for its other statements.
    const copied = database.unitOfWork.run({ operation, statementTimeoutMs: 600_000 }, ({ copyIn }) =>
      copyIn(copy, source()),
    );
    t.is(await copied.then(String, codeOf), 'database_timeout', source.name);
    t.true(performance.now() - startedAt < 10_000, source.name);
    proxy.restore();
    t.deepEqual(await database.reader.query('select 1 as one'), [{ one: 1 }], 'the connection was given back');
  }
});

test('a signal ends a copy to a silent server within about a second, with its reason', async (t) => {
  const { database, proxy } = await setupBehindProxy(t, { poolMax: 1, statementTimeoutMs: 60_000 });
  const stop = new AbortController();
  const frozen = async function* (): AsyncGenerator<Buffer> {
    yield block;
    proxy.freeze();
    setTimeout(() => stop.abort(new AppError('shutting_down')), 100);
    yield* unlimited();
  };
  const startedAt = performance.now();
  const copied = database.unitOfWork.run({ operation }, ({ copyIn }) => copyIn(copy, frozen(), stop.signal));
  t.is(await copied.then(String, codeOf), 'shutting_down');
  t.true(performance.now() - startedAt < 10_000);
  proxy.restore();
  t.deepEqual(await database.reader.query('select 1 as one'), [{ one: 1 }], 'the connection was given back');
});

test('a source that waits for longer than the statement timeout is no silence of the server', async (t) => {
  const { database } = await setup(t, { statementTimeoutMs: 100 });
  const slow = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from('10\t1\n');
    // The time that passes is what is tested.
    await sleep(1_500);
    yield Buffer.from('11\t1\n');
  };
  const copied = database.unitOfWork.run({ operation, statementTimeoutMs: 60_000 }, ({ copyIn }) =>
    copyIn(copy, slow()),
  );
  t.is(await copied, 2);
});
