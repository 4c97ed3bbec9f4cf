import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { metric, scrape } from '#testkit/running-service.ts';
import { redisUrl } from '#testkit/redis.ts';
import {
  connect,
  expireAccessToken,
  freshPerson,
  meeting,
  signIn,
  syncNow,
  type Person,
  type Stage,
} from './support.ts';
import { stageTest } from './stage-test.ts';

const quota = 30;
/** A database of its own, because the key of the quota is the same for all services of a Redis. */
const redis = `${redisUrl()}/9`;

/** Two processes with one PostgreSQL and one Redis for all tests of this file; they run one after the other. */
const test = stageTest({ REDIS_URL: redis, GOOGLE_REQUESTS_PER_MINUTE: String(quota), PROVIDER_RETRIES: '4' }, 2);

const minuteMs = 60_000;
const minuteOf = (at: number): number => Math.floor(at / minuteMs);

const refillQuota = async (): Promise<void> => {
  const client = new Redis(redis);
  await client.flushdb();
  client.disconnect();
};

/** The quota begins anew with each minute, so a test begins with a new quota and has half a minute of time. */
const beginMinute = async (): Promise<void> => {
  const past = Date.now() % minuteMs;
  if (past > minuteMs / 2) await sleep(minuteMs - past + 50);
  await refillQuota();
};

/** `count` people with a calendar each, because the callers of one calendar share a sync. */
const connectPeople = async (stage: Stage, count: number): Promise<Person[]> => {
  const people = [await freshPerson(stage)];
  for (let made = 1; made < count; made += 1) {
    people.push(await signIn(stage.service, `quota-${Date.now()}-${made}@example.org`));
  }
  await refillQuota();
  for (const person of people) {
    const { status, text } = await connect(stage, person);
    if (status !== 200) throw new Error(text);
  }
  stage.google.calls.length = 0;
  return people;
};

/** All people sync on both processes at once. */
const syncEverywhere = async ({ services }: Stage, people: readonly Person[]) =>
  Promise.all(services.flatMap((service) => people.map((person) => syncNow(service, person))));

/** Retries of requests to Google, and refusals before a request, of all processes since their start. */
const policyCounts = async ({ services }: Stage) => {
  const exposition = (await Promise.all(services.map((service) => scrape(service)))).join('\n');
  const google = { dependency: 'google_calendar' };
  return {
    retries: metric(exposition, 'volwatch_retries_total', google),
    refused: metric(exposition, 'volwatch_dependency_request_duration_seconds_count', {
      ...google,
      outcome: 'rejected',
    }),
  };
};

/** Requests that Google got, by the minute. */
const perMinute = ({ google }: Stage): number[] => [
  ...google.calls
    .reduce(
      (counts, { at }) => counts.set(minuteOf(at), (counts.get(minuteOf(at)) ?? 0) + 1),
      new Map<number, number>(),
    )
    .values(),
];

test('two processes together send no more requests than the quota, and the callers above it get 503 with Retry-After', async (t) => {
  const stage = t.context;
  const people = await connectPeople(stage, 8);
  stage.google.put(meeting('m1', 1));
  await expireAccessToken(stage);
  await beginMinute();
  const answers = [];
  for (let round = 0; round < 4; round += 1) answers.push(...(await syncEverywhere(stage, people)));
  const refused = answers.filter(({ status }) => status !== 200);
  t.true(
    perMinute(stage).every((count) => count <= quota),
    `${perMinute(stage).join()} requests in a minute`,
  );
  t.is(perMinute(stage)[0], quota, 'the quota is used');
  t.is(stage.google.callsOf('token'), people.length, 'each of these requests counts too');
  t.true(refused.length > 0);
  for (const { status, body, headers } of refused) {
    t.is(status, 503);
    t.is(body['code'], 'external_api_unavailable');
    const seconds = Number(headers.get('retry-after'));
    t.true(seconds >= 1 && seconds <= 60, `${seconds}`);
  }
});

test('each retry of a failed request takes from the quota too', async (t) => {
  const stage = t.context;
  const people = await connectPeople(stage, 8);
  await beginMinute();
  stage.google.faults = { events: { kind: 'status', status: 500 } };
  const before = await policyCounts(stage);
  // At most 8 calls at once in each process, so the bulkhead refuses none.
  for (let round = 0; round < 4; round += 1) await syncEverywhere(stage, people);
  const after = await policyCounts(stage);
  t.true(after.retries > before.retries, 'requests were repeated');
  t.true(after.refused > before.refused, 'the spent quota refused requests');
  t.true(
    perMinute(stage).every((count) => count <= quota),
    `${perMinute(stage).join()} requests in a minute`,
  );
});
