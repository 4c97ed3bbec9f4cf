import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { calendarEntities } from '#src/calendar/entities.ts';
import { readConnection } from '#src/calendar/connections.ts';
import { noneSkipped, type CalendarEvent } from '#src/calendar/google/event-wire.ts';
import { storeEvents, type FetchedChanges } from '#src/calendar/sync/store-events.ts';
import { createDatabase } from '#src/database/database.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { recordMetrics } from '#testkit/metrics.ts';

const eventOf = (event_id: string, summary = 'a meeting'): CalendarEvent => ({
  event_id,
  status: 'confirmed',
  summary,
  location: null,
  starts_at: '2027-03-01T09:00:00.000Z',
  ends_at: '2027-03-01T10:00:00.000Z',
  all_day: false,
  time_zone: null,
  recurring_event_id: null,
  original_start: null,
  link: null,
  etag: null,
  updated_at: null,
});

/** Stores syncs of one calendar. `longest`: the characters of the longest parameter. */
const setup = async (t: ExecutionContext, maxEvents = 100_000) => {
  const admin = await setupDatabase(t);
  const database = await createDatabase({
    ...databaseSettings(admin.url),
    metrics: recordMetrics(),
    entities: calendarEntities,
  });
  t.teardown(() => database.close());
  const id = randomUUID();
  await admin.query(
    `insert into calendar_connection (id, owner_kind, owner_id, status, scopes, refresh_token, access_token, access_expires_at, connected_at)
     values ($1, 'user', 'ada', 'connected', '{}', '', '', now(), now())`,
    [id],
  );
  const lengths: number[] = [];
  const quotas = {
    now: new Date(),
    assertQuota: (wanted: number): void => {
      if (wanted > maxEvents) throw new AppError('quota_exceeded');
    },
    assertEventBytes: () => {},
    assertTotalBytes: async () => {},
  };
  const store = (changes: Pick<FetchedChanges, 'full'> & { events?: CalendarEvent[]; cancelled?: string[] }) =>
    database.unitOfWork.run({ operation: 'calendar.sync' }, async (transaction) => {
      const state = await readConnection(transaction.query, id);
      const query: typeof transaction.query = (text, parameters = []) => {
        for (const value of parameters) lengths.push(JSON.stringify(value).length);
        return transaction.query(text, parameters);
      };
      return storeEvents(
        { ...transaction, query },
        state,
        {
          full: changes.full,
          events: new Map((changes.events ?? []).map((event) => [event.event_id, event])),
          cancelled: new Set(changes.cancelled),
          skipped: noneSkipped(),
          syncToken: 'token',
          account: undefined,
        },
        quotas,
      );
    });
  return { admin, store, longest: () => Math.max(...lengths) };
};

const longId = (number: number): string => `${number}`.padStart(1_000, 'x');
const longIds = (count: number): string[] => Array.from({ length: count }, (_, number) => longId(number));

test('the ids of a calendar are sent in parts, whatever their number', async (t) => {
  const { store, longest, admin } = await setup(t);
  const events = longIds(4_000).map((id) => eventOf(id));
  t.deepEqual(await store({ full: true, events }), { created: 4_000, updated: 0, deleted: 0, unchanged: 0 });
  t.deepEqual(await store({ full: true, events: events.slice(10) }), {
    created: 0,
    updated: 0,
    deleted: 10,
    unchanged: 3_990,
  });
  t.like(await store({ full: false, cancelled: longIds(3_999) }), { deleted: 3_989, unchanged: 1 });
  t.deepEqual(await admin.query('select event_id = $1 as kept from calendar_event', [longId(3_999)]), [{ kept: true }]);
  t.true(longest() < 1_300_000, String(longest()));
});

test('the stored bytes are those of the table after each sync', async (t) => {
  const { store, admin } = await setup(t);
  const sizes = async () =>
    (
      await admin.query(
        `select stored_bytes::int as counted, (select sum(300 + octet_length(event_id) + octet_length(summary))::int from calendar_event) as stored
         from calendar_connection`,
      )
    )[0]!;
  await store({ full: true, events: [eventOf('a'), eventOf('b', 'ein Gespräch')] });
  await store({ full: false, events: [eventOf('b', 'longer than before'), eventOf('c')], cancelled: ['a', 'unknown'] });
  const { counted, stored } = await sizes();
  t.is(counted, stored);
});

test('a sync beyond the quota writes no event before it is refused', async (t) => {
  const { store, admin } = await setup(t, 3);
  await store({ full: true, events: [eventOf('a'), eventOf('b')] });
  await admin.query('create sequence writes');
  await admin.query(
    `create function note_write() returns trigger language plpgsql as $$ begin perform nextval('writes'); return null; end $$`,
  );
  await admin.query(
    'create trigger note_write after insert or update on calendar_event for each row execute function note_write()',
  );
  const events = [eventOf('a', 'changed'), eventOf('c'), eventOf('d')];
  t.is(await store({ full: false, events }).then(() => 'none', codeOf), 'quota_exceeded');
  t.deepEqual(await admin.query('select is_called from writes'), [{ is_called: false }]);
  t.like(await store({ full: false, events: events.slice(0, 2) }), { created: 1, updated: 1, unchanged: 1 });
});
