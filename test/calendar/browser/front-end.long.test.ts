import test from 'ava';
import { meeting } from '../support.ts';
import { openFrontEnd, person } from './front-ends.ts';

for (const [place, sameSite] of [
  ['sameSite', 'strict'],
  ['crossSite', 'none'],
] as const) {
  test.serial(
    `a page in Chromium connects, syncs, lists and disconnects a calendar: ${place}, SameSite=${sameSite}`,
    async (t) => {
      const { google, stored, context, page, press, signIn, connect } = await openFrontEnd(t, { place, sameSite });
      google.put(meeting('m1', 1));
      google.put(meeting('m2', 2));

      t.like(await signIn(), { status: 200 });
      t.is(await page.locator('#who').textContent(), person.email, 'the session works in the next request');
      const session = (await context.cookies()).find(({ name }) => name === '__Host-session');
      t.like(session, { httpOnly: true, secure: true, sameSite: sameSite === 'none' ? 'None' : 'Strict' });

      t.like((await press('status')).body, { status: 'none' });
      t.like((await press('sync')).body, { status: 409, code: 'calendar_not_connected' });
      t.like(await connect(), { status: 'connected' });
      t.is(google.callsOf('token'), 1);
      t.like((await press('status')).body, { status: 'connected' });
      t.like((await press('sync')).body, { created: 2, full: true });
      const listed = await press('list');
      t.is(listed.status, 200);
      t.deepEqual(await page.locator('#events li').allTextContents(), ['Meeting m1', 'Meeting m2']);

      google.put({ id: 'm1', status: 'cancelled' });
      t.like((await press('sync')).body, { deleted: 1, unchanged: 1, full: false });
      await press('list');
      t.deepEqual(await page.locator('#events li').allTextContents(), ['Meeting m2']);

      t.is((await press('disconnect')).status, 204);
      t.like((await press('status')).body, { status: 'none' });
      t.like((await press('list')).body, { status: 409, code: 'calendar_not_connected' });
      t.is(google.callsOf('revoke'), 1);
      t.is((await stored.query('select 1 from calendar_event')).length, 0);
    },
  );
}

for (const [sameSite, window, remedy] of [
  ['strict', 'ordinary', /SESSION_COOKIE_SAMESITE=none/],
  ['lax', 'ordinary', /SESSION_COOKIE_SAMESITE=none/],
  ['none', 'private', /document\.requestStorageAccess/],
] as const) {
  test.serial(
    `a page of another site cannot sign in for a session, and shows why: SameSite=${sameSite}, ${window} window`,
    async (t) => {
      const { stored, context, page, press, signIn } = await openFrontEnd(t, { place: 'crossSite', sameSite, window });
      const refused = await signIn();
      t.is(refused.status, 403);
      t.like(refused.body, { code: 'session_cross_site', category: 'authorization' });
      t.regex(String(await page.locator('#answer').textContent()), remedy);
      t.is((await stored.query('select 1 from user_session')).length, 0);
      t.is((await context.cookies()).length, 0);
      t.is((await press('status')).status, 401);
    },
  );
}
