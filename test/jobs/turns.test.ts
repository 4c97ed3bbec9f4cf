import test, { type ExecutionContext } from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { repeatUntilNone, rowsPerPart } from '#src/kernel/lists/removal.ts';
import { removeOldTurns, takeTurn } from '#src/jobs/turns.ts';
import type { JobData, PutBack } from '#src/kernel/ports/jobs.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { eventually } from '#testkit/eventually.ts';
import { idle, setup as setupJobs } from './setup.ts';

const operation = 'refresh.record';

const setup = async (t: ExecutionContext, retries = 0) => {
  const queues = { pricing: { oneJobPerGroup: true, concurrency: 2 } };
  const { admin, database, metrics, make } = await setupJobs(t, { retries, queues });
  const jobs = make();
  const change = <T>(work: (transaction: Transaction) => Promise<T>): Promise<T> =>
    database.unitOfWork.run({ operation }, work);
  const add = (group: string, count: number, network?: string): Promise<void> =>
    change(async (transaction) => {
      for (let number = 1; number <= count; number += 1) {
        const key = `${group}${number}`;
        await jobs.enqueue(transaction, 'pricing', { key, group, data: { key }, ...(network && { network }) });
      }
    });
  return { admin, jobs, metrics, change, add };
};

test('the first job of a group does not wait for all jobs of groups that came before', async (t) => {
  const { jobs, add } = await setup(t);
  const started: string[] = [];
  let late: Promise<void> | undefined;
  await jobs.start({
    ...idle,
    pricing: async ({ key = '' }) => {
      started.push(key);
      if (started.length === 4) late = add('c', 2);
      await late;
    },
  });
  await add('a', 9);
  await add('b', 9);
  await eventually(() => started.length === 20, 'all jobs run', 30_000);
  for (const group of ['a', 'b', 'c']) {
    const own = started.filter((key) => key.startsWith(group));
    t.deepEqual(own, own.toSorted(), 'the jobs of a group keep their order');
  }
  // At most one job of each other group that was taken already, and one of the same turn, come before it.
  t.true(started.indexOf('c1') <= 9, started.join());
  t.true(started.indexOf('c2') <= 12, started.join());
});

test('a job that is put back waits again without using up its attempts, and others run meanwhile', async (t) => {
  const { admin, jobs, metrics, add } = await setup(t);
  const started: string[] = [];
  const lasts: boolean[] = [];
  await jobs.start({
    ...idle,
    pricing: async ({ key = '' }, _signal, { last }): Promise<PutBack | void> => {
      started.push(key);
      lasts.push(last);
      if (key === 'a1' && started.filter((each) => each === key).length <= 2) return { putBackSeconds: 1.5 };
    },
  });
  await add('a', 2);
  await add('b', 1);
  const ended = (): number => metrics.value('volwatch_jobs_total', { queue: 'pricing', outcome: 'ok' });
  await eventually(() => ended() === 3, 'all jobs succeed', 30_000);
  t.is(metrics.value('volwatch_jobs_total', { queue: 'pricing', outcome: 'put_back' }), 2);
  t.deepEqual(started.toSorted(), ['a1', 'a1', 'a1', 'a2', 'b1']);
  t.is(started.at(-1), 'a1');
  t.true(lasts.every(Boolean), 'with 0 retries each attempt is the last one');
  await eventually(
    async () =>
      (await admin.query(`select 1 from pgboss.job where name = 'pricing' and state = 'completed'`)).length === 3,
    'the jobs are stored as completed',
  );
  t.deepEqual(await admin.query(`select 1 from pgboss.job where retry_count > 0`), []);
  // Its first turn was 1, and that of the other job of its group 2.
  const [job] = await admin.query(`select priority from pgboss.job where singleton_key = 'a1'`);
  t.true(Number(job!['priority']) <= -4, 'it gets a new turn each time');
});

test('a job that failed gets a new turn for its retry', async (t) => {
  const { admin, jobs, metrics, add } = await setup(t, 1);
  let attempts = 0;
  await jobs.start({
    ...idle,
    pricing: async ({ key = '' }) => {
      if (key === 'a1' && ++attempts === 1) throw new AppError('external_api_timeout');
    },
  });
  await add('a', 2);
  const ended = (): number => metrics.value('volwatch_jobs_total', { queue: 'pricing', outcome: 'ok' });
  await eventually(() => ended() === 2, 'both jobs succeed', 30_000);
  t.is(attempts, 2);
  const [job] = await admin.query(`select priority from pgboss.job where singleton_key = 'a1'`);
  t.is(job!['priority'], -3);
});

test('a turn is one more than the last one of the group and than the one that was started last', async (t) => {
  const { admin, jobs, change } = await setup(t);
  // The table of jobs exists after the start.
  await jobs.start(idle);
  const take = async (group: string): Promise<number> =>
    (await change(({ query }) => takeTurn(query, 'mail', { group }))).turn;
  t.deepEqual([await take('a'), await take('a'), await take('b'), await take('a')], [1, 2, 1, 3]);
  await admin.query(`insert into job_turn values ('mail', 0, 2)`);
  t.deepEqual([await take('b'), await take('c'), await take('a')], [3, 3, 4]);
  await admin.query(`update job_turn set turn = 2147483647 where queue = 'mail' and group_hash = 0`);
  t.deepEqual([await take('a'), await take('a'), await take('d')], [2147483647, 2147483647, 2147483647]);
});

test('a job that costs more turns comes after cheap ones of other groups, also when it is put back', async (t) => {
  const { admin, jobs, change } = await setup(t);
  const order: string[] = [];
  let putBack = true;
  const enqueue = (group: string, cost?: number) =>
    change((transaction) =>
      jobs.enqueue(transaction, 'pricing', {
        key: group,
        group,
        network: group,
        data: { group },
        ...(cost && { cost }),
      }),
    );
  const pricing = async (data: JobData): Promise<PutBack | void> => {
    t.deepEqual(Object.keys(data), ['group']);
    order.push(data['group']!);
    if (data['group'] !== 'large' || !putBack) return undefined;
    putBack = false;
    for (const group of ['b', 'c', 'd']) await enqueue(group);
    return { putBackSeconds: 0 };
  };
  await jobs.start({ ...idle, pricing });
  await enqueue('large', 17);
  await eventually(() => order.length === 5, 'all jobs run');
  t.is(order[0], 'large');
  t.is(order.at(-1), 'large', 'its turn is about 17 later');
  const [row] = await admin.query(
    `select max(turn)::int as turn from job_turn where queue = 'pricing' and group_hash <> 0`,
  );
  const turn = Number(row!['turn']);
  t.true(turn >= 18 && turn <= 52, `${turn}`);
});

test('the groups of one network share the turns of one group, and some places', async (t) => {
  const { admin, jobs, change } = await setup(t);
  await jobs.start(idle);
  const take = (group: string, name: string) =>
    change(({ query }) => takeTurn(query, 'pricing', { group, network: { name, places: 2 } }));
  const all = async (groups: string, network: string) => {
    const turns: { turn: number; group: string }[] = [];
    for (const group of groups) turns.push(await take(group, network));
    return { turns: turns.map(({ turn }) => turn), groups: turns.map(({ group }) => group) };
  };
  const first = await all('abcd', 'one');
  t.deepEqual(first.turns, [1, 2, 3, 4]);
  t.deepEqual(first.groups[0]!, first.groups[2]!, 'four owners have two places');
  t.deepEqual(first.groups[1]!, first.groups[3]!);
  t.not(first.groups[0], first.groups[1]);
  t.deepEqual(await all('abcd', 'one'), { turns: [5, 6, 7, 8], groups: first.groups });
  const other = await all('ee', 'two');
  t.deepEqual(other.turns, [1, 2], 'the first jobs of another network come before');
  t.is(
    (await change(({ query }) => takeTurn(query, 'pricing', { group: 'f' }))).turn,
    1,
    'and those of a group without a network',
  );
  t.is((await take('a', 'two')).group, first.groups[0]!, 'an owner has one place, also with requests of two networks');

  await admin.query(`insert into job_turn values ('pricing', 0, 1000)`);
  t.deepEqual(await take('b', 'two'), { turn: 1_001, group: other.groups[0]! }, 'nothing of it waits any more');
  const run = (group: string, owner: string) =>
    admin.query(
      `insert into pgboss.job (name, state, group_id, data) values ('pricing', 'active', '${group}', '{"turns_of":"${owner}"}')`,
    );
  await run(first.groups[1]!, 'd');
  await run(first.groups[0]!, 'c');
  t.is((await take('c', 'two')).group, first.groups[0]!, 'its job runs');
  await admin.query(`delete from pgboss.job where group_id = '${first.groups[0]}'`);
  t.is((await take('g', 'one')).group, first.groups[0]!, 'a place with fewer groups');
});

test('slow jobs of many groups of one network leave places for other networks', async (t) => {
  const { admin, jobs, metrics, add } = await setup(t, 1);
  const gate = Promise.withResolvers<void>();
  const started: string[] = [];
  await jobs.start({
    ...idle,
    pricing: async (data) => {
      const { key = '' } = data;
      t.deepEqual(Object.keys(data), ['key']);
      started.push(key);
      if (key === 'other1') throw new AppError('external_api_timeout');
      if (key !== 'another1') await gate.promise;
    },
  });
  for (let group = 0; group < 6; group += 1) await add(`slow${group} `, 2, 'network');
  await eventually(() => started.length === 1, 'the network has one place');
  await add('another', 1, 'another network');
  await eventually(() => started.includes('another1'), 'the job of another network runs');
  await add('other', 1, 'other network');
  await eventually(
    () => metrics.value('volwatch_jobs_total', { queue: 'pricing', outcome: 'failed' }) === 1,
    'it fails',
  );
  const [turn, retried] = await Promise.all([
    admin.query(`select turn from job_turn where group_hash = hashtextextended('other', 0)`),
    admin.query(`select priority from pgboss.job where singleton_key = 'other1'`),
  ]);
  t.is(Number(turn[0]!['turn']), -Number(retried[0]!['priority']), 'the retry has the new turn of its owner');
  t.true(Number(turn[0]!['turn']) > 1);
  t.is(started.filter((key) => key.startsWith('slow')).length, 1);
  gate.resolve();
});

test('waiting jobs are removed by their keys', async (t) => {
  const { admin, jobs, change } = await setup(t);
  await jobs.start(idle);
  const insert = (queue: string, key: string, state: string) =>
    admin.query(`insert into pgboss.job (name, singleton_key, state, policy, start_after)
      values ('${queue}', '${key}', '${state}', 'exclusive', now() + interval '1 hour')`);
  for (const key of ['a', 'b', 'c']) await insert('refresh', key, 'created');
  await insert('refresh', 'd', 'active');
  await insert('mail', 'a', 'created');
  await change((transaction) => jobs.remove(transaction, 'refresh', ['a', 'c', 'd', 'unknown']));
  await change((transaction) => jobs.remove(transaction, 'refresh', []));
  const left = await admin.query('select name, singleton_key as key from pgboss.job order by name, key');
  t.deepEqual(left, [
    { name: 'mail', key: 'a' },
    { name: 'refresh', key: 'b' },
    { name: 'refresh', key: 'd' },
  ]);
});

test('turns without effect are removed', async (t) => {
  const { admin, jobs, change } = await setup(t);
  await jobs.start(idle);
  const insert = (queue: string, priority: number) =>
    admin.query(
      `insert into pgboss.job (name, priority, start_after) values ('${queue}', ${priority}, now() + interval '1 hour')`,
    );
  await insert('mail', -7);
  await insert('calendar', 0);
  await admin.query(`insert into job_turn values
    ('mail', 0, 5), ('mail', 1, 5), ('mail', 2, 7), ('calendar', 0, 3), ('calendar', 1, 9)`);
  t.is(await repeatUntilNone(() => change(removeOldTurns)), 3);
  t.deepEqual(await admin.query('select queue, turn from job_turn order by turn'), [
    { queue: 'mail', turn: 5 },
    { queue: 'mail', turn: 7 },
  ]);
});

test('the turn that was started last is removed after the turns of all groups of its queue', async (t) => {
  const { admin, jobs, change } = await setup(t);
  await jobs.start(idle);
  await admin.query(`insert into job_turn values ('mail', 0, 50000)`);
  await admin.query(
    `insert into job_turn (queue, group_hash, turn) select 'mail', n, 49000 + n from generate_series(1, $1) as n`,
    [rowsPerPart + 1],
  );
  const left = async () =>
    Number((await admin.query('select count(*) from job_turn where group_hash = 0'))[0]!['count']);
  t.is(await change(removeOldTurns), rowsPerPart);
  t.is(await left(), 1, 'a group whose row is left has a turn near those of new groups');
  const { turn } = await change(({ query }) => takeTurn(query, 'mail', { group: 'new' }));
  t.is(turn, 50_001);
  t.is(await repeatUntilNone(() => change(removeOldTurns)), 3);
  t.deepEqual(await admin.query('select 1 from job_turn'), []);
});
