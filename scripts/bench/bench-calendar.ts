/**
 * A sync of many calendar events: `EVENTS=10000 ROUNDS=5 npm run bench:calendar`. It starts a service with its own PostgreSQL
 * and a Google that answers at once, connects a calendar in each round, and prints the time of the first sync, of a sync
 * without changes, of the events of an asset, and the max resident memory of the service. The exit status is 1 if a median is
 * above its target.
 */
import { writeFileSync } from 'node:fs';
import { call, settings, takeToken, type Answer } from '#testkit/running-service.ts';
import { startGoogleServer } from '#testkit/servers/google-server.ts';
import { startService } from '#testkit/service.ts';
import { startTemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';
import { mebibyte, memoryBytesOf } from '#testkit/measures/processes.ts';
import { median } from '#testkit/measures/statistics.ts';
import { withScope } from '../verify/scope.ts';

const eventCount = Number(process.env['EVENTS'] ?? 10_000);
const rounds = Number(process.env['ROUNDS'] ?? 5);
const unchangedPerRound = 10;
/** Milliseconds. */
const targets = { first: 5_000, unchanged: 50 };

const show = (values: readonly number[]): string =>
  `median ${median(values).toFixed(0)} ms, ${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)} ms`;
const timed = async (work: () => Promise<Answer>): Promise<readonly [Answer, number]> => {
  const began = performance.now();
  const answer = await work();
  const milliseconds = performance.now() - began;
  if (answer.status >= 300) throw new Error(answer.text);
  return [answer, milliseconds];
};

/** @param field `VmRSS` now, or `VmHWM` since the last `resetMax` @returns MiB */
const resident = (pid: number, field: 'VmRSS' | 'VmHWM'): number => memoryBytesOf(pid, field) / mebibyte;
const resetMax = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5');

await withScope(async (scope) => {
  const { url, directory } = await startTemporaryPostgres(scope, { name: 'bench', durable: true });
  const google = await startGoogleServer(scope);
  google.pageSize = 2_500;
  const service = await startService({
    environment: {
      ...settings,
      ...google.environment,
      DATABASE_URL: url,
      VOLWATCH_DIRECTORY: directory,
      OTEL_SDK_DISABLED: 'true',
      CALENDAR_EVENTS_PER_OWNER: String(eventCount),
    },
  });
  scope.teardown(() => service.stop(5_000));
  // The names of assets come with the first refresh, which readiness does not wait for.
  await service.logged(({ message }) => message === 'started', 60_000);

  const headers = { Authorization: `Bearer ${await takeToken(service)}` };
  const api = `${service.url}/api/v1`;
  const sync = (): Promise<Answer> => call(`${api}/calendar/sync/auto`, { method: 'POST', headers });
  const [first, unchanged, named, memory]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let event = 0; event < eventCount; event += 1) {
    const start = Date.UTC(2027, 0, 1) + event * 3_600_000;
    google.put({
      id: `event-${event}`,
      summary: event % 100 === 0 ? `AAPL earnings ${event}` : `Meeting ${event} of the desk`,
      location: 'Room 4',
      start: { dateTime: new Date(start).toISOString(), timeZone: 'Europe/Berlin' },
      end: { dateTime: new Date(start + 1_800_000).toISOString(), timeZone: 'Europe/Berlin' },
      updated: '2026-11-26T08:00:00.000Z',
    });
  }
  for (let round = 0; round < rounds; round += 1) {
    const asked = await call(`${api}/calendar/connect`, { headers, redirect: 'manual' });
    await call(google.consent(asked.headers.get('location') ?? '').href, { headers });
    resetMax(service.pid);
    const before = resident(service.pid, 'VmRSS');
    const [{ body }, milliseconds] = await timed(sync);
    if (body['created'] !== eventCount) throw new Error(JSON.stringify(body));
    first.push(milliseconds);
    memory.push(resident(service.pid, 'VmHWM') - before);
    for (let repeated = 0; repeated < unchangedPerRound; repeated += 1) {
      const [answer, took] = await timed(sync);
      if (answer.body['unchanged'] !== eventCount) throw new Error(answer.text);
      unchanged.push(took);
      const [events, asking] = await timed(() => call(`${api}/assets/AAPL/events?limit=100`, { headers }));
      if ((events.body['data'] as unknown[]).length !== Math.min(100, Math.ceil(eventCount / 100))) {
        throw new Error(events.text);
      }
      named.push(asking);
    }
    await call(`${api}/calendar/connection`, { method: 'DELETE', headers });
  }
  console.log(`${eventCount.toLocaleString('en')} events, ${rounds} rounds:`);
  console.log(`  first sync             ${show(first)} (target ${targets.first} ms)`);
  console.log(`  sync without changes   ${show(unchanged)} (target ${targets.unchanged} ms)`);
  console.log(`  events of an asset     ${show(named)}`);
  console.log(`  memory of a first sync up to ${Math.max(...memory).toFixed(0)} MiB above the memory before it`);
  console.log(`  max resident memory    ${resident(service.pid, 'VmHWM').toFixed(0)} MiB`);
  return median(first) <= targets.first && median(unchanged) <= targets.unchanged;
});
