import { connect, connectedPerson, meeting, signIn, storedEvents, syncNow } from '../support.ts';
import { stageTest } from '../stage-test.ts';

/** An event of `meeting` has about 400 bytes. One service for all tests of this file. */
const test = stageTest({ CALENDAR_BYTES_PER_OWNER: '6000', CALENDAR_BYTES: '9000' });

test('a calendar, and all calendars together, have a max number of bytes', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  const long = (id: string) => google.put(meeting(id, 1, { summary: `${id} ${'x'.repeat(400)}` }));
  for (const id of ['a', 'b', 'c', 'd', 'e']) long(id);
  t.like((await syncNow(service, ada)).body, { created: 5 });
  const [stored] = await stage.stored.query('select stored_bytes::int as bytes from calendar_connection');
  t.true(Number(stored?.['bytes']) > 5 * 700 && Number(stored?.['bytes']) < 6_000, String(stored?.['bytes']));

  for (const id of ['f', 'g', 'h', 'i', 'j']) long(id);
  t.like(await syncNow(service, ada), { status: 429, body: { errors: [{ code: 'calendar_event_bytes' }] } });
  t.is((await storedEvents(stage)).length, 5, 'nothing is stored');
  for (const id of ['d', 'e', 'f', 'g', 'h', 'i', 'j']) google.put({ id, status: 'cancelled' });
  t.like((await syncNow(service, ada)).body, { deleted: 2 }, 'a calendar that becomes smaller is never refused');

  for (const id of ['k', 'l', 'm', 'n']) long(id);
  t.like((await syncNow(service, ada)).body, { created: 4 });
  const bob = await signIn(service, `bytes-${Date.now()}@example.org`);
  t.is((await connect(stage, bob)).status, 200);
  t.like(await syncNow(service, bob), {
    status: 429,
    body: { errors: [{ code: 'calendar_event_bytes_of_all_owners' }] },
  });
});

test('a long title is cut, and a link that is too long is left out', async (t) => {
  const stage = t.context;
  const person = await connectedPerson(stage);
  stage.google.put(
    meeting('x', 1, { summary: 'y'.repeat(3_000), htmlLink: `https://example.org/${'z'.repeat(1_000)}` }),
  );
  t.like((await syncNow(stage.service, person)).body, { created: 1 });
  const [row] = await stage.stored.query('select length(summary) as characters, link from calendar_event');
  t.deepEqual(row, { characters: 500, link: null });
});
