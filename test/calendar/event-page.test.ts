import test from 'ava';
import { readEventPage } from '#src/calendar/google/event-wire.ts';

/** Offsets are time zones too, so each event can have one of its own. */
const offset = (index: number): string =>
  `+${String(Math.floor(index / 60) % 24).padStart(2, '0')}:${String(index % 60).padStart(2, '0')}`;
const pageOf = (count: number, zoneOf: (index: number) => string) => ({
  items: Array.from({ length: count }, (_, index) => ({
    id: `event${index}`,
    start: { dateTime: '2026-03-29T10:00:00', timeZone: zoneOf(index) },
    end: { dateTime: '2026-03-29T11:00:00', timeZone: zoneOf(index) },
  })),
  nextSyncToken: 'next',
});

for (const [what, zoneOf] of Object.entries({ 'one zone': () => 'Europe/Berlin', 'a zone for each': offset })) {
  test(`a page of local times in ${what} leaves turns to other work`, async (t) => {
    const count = 1_400;
    await readEventPage(pageOf(50, zoneOf), new AbortController().signal);
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    const used = process.cpuUsage();
    const { events } = await readEventPage(pageOf(count, zoneOf), new AbortController().signal);
    const { user, system } = process.cpuUsage(used);
    clearInterval(timer);
    const ms = (user + system) / 1_000;
    t.log(`${ms.toFixed(0)} ms of processor time, ${turns} turns`);
    t.is(events.length, count);
    t.is(events[0]!.starts_at, what === 'one zone' ? '2026-03-29T08:00:00.000Z' : '2026-03-29T10:00:00.000Z');
    t.true(turns >= ms / 50, 'no turn has more than some 50 ms');
  });
}

test('the time of a change is stored in UTC, because PostgreSQL refuses some of the offsets that ISO 8601 allows', async (t) => {
  const item = { id: 'event', start: { date: '2027-01-01' }, updated: '2027-01-01T00:00:00+23:59' };
  const { events } = await readEventPage({ items: [item], nextSyncToken: 'next' }, new AbortController().signal);
  t.is(events[0]!.updated_at, '2026-12-31T00:01:00.000Z');
});
