import { eventually } from '#testkit/eventually.ts';
import { serve } from '#testkit/running-service.ts';
import {
  ask,
  connect,
  connectedPerson,
  expireAccessToken,
  meeting,
  storedEvents,
  syncNow,
  type Stage,
} from './support.ts';
import { stageTest } from './stage-test.ts';

/** One service that survives, for all tests of this file; they run one after the other. */
const test = stageTest();

type Step = {
  readonly name: string;
  /** Makes the process die when it reaches the step. */
  readonly arm: (stage: Stage, kill: () => void) => Promise<void> | void;
  /** Whether the statement or commit in progress ends well although its process is gone. */
  readonly isCommitted?: boolean;
};

const sleepingStatement = `select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`;

/** A trigger keeps a statement, or with `deferred` the commit, in progress until the process is dead. */
const atTrigger =
  (when: string, seconds = 60): Step['arm'] =>
  async ({ stored }, kill) => {
    await stored.query(
      `create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(${seconds}); return new; end $$`,
    );
    await stored.query(`create ${when} for each row execute function slow()`);
    const isReached = async () => (await stored.query(sleepingStatement)).length > 0;
    void eventually(isReached, 'the step is reached', 60_000).then(kill);
  };
const disarm = async ({ stored }: Stage, isCommitted: boolean): Promise<void> => {
  if (isCommitted) {
    await eventually(async () => (await stored.query(sleepingStatement)).length === 0, 'the commit ends', 60_000);
  }
  await stored.query(`select pg_terminate_backend(pid) from (${sleepingStatement}) as sleeping`);
  await stored.query('drop function if exists slow() cascade');
};

const tokenUpdate = 'trigger slow before update of access_token on calendar_connection';
const syncUpdate = 'trigger slow before update of sync_token on calendar_connection';
const commit = (column: string): string =>
  `constraint trigger slow after update of ${column} on calendar_connection deferrable initially deferred`;

const steps: readonly Step[] = [
  {
    name: 'before the answer of the token endpoint',
    arm: ({ google }, kill) => void (google.faults = { token: { kind: 'before', act: kill } }),
  },
  { name: 'with new tokens that are not stored', arm: atTrigger(tokenUpdate) },
  { name: 'during the commit of the tokens, which fails', arm: atTrigger(commit('access_token')) },
  {
    name: 'during the commit of the tokens, which succeeds',
    arm: atTrigger(commit('access_token'), 3),
    isCommitted: true,
  },
  {
    name: 'before the first page of events',
    arm: ({ google }, kill) => void (google.faults = { events: { kind: 'before', act: kill } }),
  },
  {
    name: 'between two pages of events',
    arm: ({ google }, kill) => {
      google.pageSize = 1;
      google.faults = { events: { kind: 'later_pages', fault: { kind: 'before', act: kill } } };
    },
  },
  {
    name: 'while the events are stored',
    arm: atTrigger('trigger slow before insert on calendar_event'),
  },
  { name: 'with events but without their sync token', arm: atTrigger(syncUpdate) },
  { name: 'during the commit of a sync, which fails', arm: atTrigger(commit('sync_token')) },
  { name: 'during the commit of a sync, which succeeds', arm: atTrigger(commit('sync_token'), 3), isCommitted: true },
];

for (const [index, { name, arm, isCommitted = false }] of steps.entries()) {
  test(`a process is killed ${name}: nothing is lost, and the next sync is right`, async (t) => {
    const stage = t.context;
    const { service, google, stored } = stage;
    const ada = await connectedPerson(stage);
    google.put(meeting('m1', 1));
    google.put(meeting('m2', 2));
    t.like((await syncNow(service, ada)).body, { created: 2 });
    const doomed = await serve(
      t,
      { DATABASE_URL: stored.url, ...google.environment, ROLE: 'api' },
      { startTimeoutMs: 90_000 },
    );
    await doomed.ready(90_000);
    await expireAccessToken(stage);
    google.put(meeting('m1', 1, { summary: 'Moved' }));
    google.put({ id: 'm2', status: 'cancelled' });
    google.put(meeting('m3', 3));
    await arm(stage, () => void doomed.process.kill('SIGKILL'));
    await t.throwsAsync(syncNow(doomed, ada), undefined, 'the caller gets no answer');
    t.is((await doomed.exited).signal, 'SIGKILL');
    google.faults = {};
    await disarm(stage, isCommitted);

    const isStored = isCommitted && name.includes('sync');
    t.deepEqual(await storedEvents(stage), isStored ? ['m1', 'm3'] : ['m1', 'm2'], 'all of the sync or nothing');
    const next = await syncNow(service, ada);
    t.is(next.status, 200, next.text);
    t.like(
      next.body,
      isStored ? { created: 0, updated: 0, deleted: 0, unchanged: 2 } : { created: 1, updated: 1, deleted: 1 },
      `${index}`,
    );
    t.deepEqual(await storedEvents(stage), ['m1', 'm3']);
    t.is(google.liveRefreshTokens().length, 1);
    await expireAccessToken(stage);
    t.is((await syncNow(service, ada)).status, 200, 'the stored refresh token works');
  });
}

test('a process is killed with a rotated refresh token that is not stored: the caller must consent again, and that mends it', async (t) => {
  const stage = t.context;
  const { service, google, stored } = stage;
  const ada = await connectedPerson(stage);
  google.put(meeting('m1', 1));
  t.like((await syncNow(service, ada)).body, { created: 1 });
  const doomed = await serve(
    t,
    { DATABASE_URL: stored.url, ...google.environment, ROLE: 'api' },
    { startTimeoutMs: 90_000 },
  );
  await doomed.ready(90_000);
  const [firstToken] = google.liveRefreshTokens();
  google.rotates = true;
  await expireAccessToken(stage);
  google.put(meeting('m2', 2));
  await atTrigger(tokenUpdate)(stage, () => void doomed.process.kill('SIGKILL'));
  await t.throwsAsync(syncNow(doomed, ada), undefined, 'the caller gets no answer');
  t.is((await doomed.exited).signal, 'SIGKILL');
  await disarm(stage, false);
  t.false(google.liveRefreshTokens().includes(firstToken!), 'Google has ended the stored refresh token');

  for (let asked = 0; asked < 2; asked += 1) {
    const refused = await syncNow(service, ada);
    t.is(refused.status, 409, refused.text);
    t.is(refused.body['code'], 'calendar_reauthorization_required');
  }
  const shown = await ask(service, 'GET', '/connection', ada.authorization);
  t.is(shown.body['status'], 'reauthorization_required');
  t.deepEqual(await storedEvents(stage), ['m1'], 'the synced events stay');

  t.is((await connect(stage, ada)).status, 200);
  t.like((await syncNow(service, ada)).body, { created: 1, unchanged: 1, full: true });
  await expireAccessToken(stage);
  t.is((await syncNow(service, ada)).status, 200, 'the new refresh token works');
});
