import test from 'ava';
import {
  ada,
  auditActions,
  bearer,
  openSession,
  quickCaches,
  refresh,
  signedIn,
  startRoom,
  type Room,
  type RoomParts,
} from '../room.ts';
import { eventually } from '#testkit/eventually.ts';
import { startMailRoom } from '#test/mail/mail-room.ts';
import { quickHashing } from '../setup.ts';
import { noLoginThrottle } from '#src/kernel/ports/rate-limiter.ts';

const newPassword = 'a different long sentence';
const change = (room: Room, headers: Record<string, string>, current = ada.password, password = newPassword) =>
  room.json('/account/password', { current_password: current, new_password: password }, headers);

test('a change ends all other sign-ins and keeps the sign-in that made the change', async (t) => {
  const room = await startMailRoom(t);
  const own = await signedIn(room);
  const other = await signedIn(room);
  const { cookie } = await openSession(room);
  t.is((await change(room, bearer(own.access))).status, 204);

  t.is((await room.me(bearer(own.access))).status, 200);
  t.is((await refresh(room, own.refresh)).status, 200);
  t.like((await room.me(bearer(other.access))).body, { code: 'token_revoked' });
  t.like((await refresh(room, other.refresh)).body, { error: 'invalid_grant' });
  t.is((await room.me({ Cookie: cookie })).status, 401);
  t.is((await room.json('/auth/login', ada)).status, 401);
  t.is((await room.json('/auth/login', { ...ada, password: newPassword })).status, 200);
  t.true((await auditActions(room)).includes('user.password_changed'));
  await room.work();
  const { to, headers } = room.smtp.received.at(-1)!;
  t.deepEqual([to, headers['subject']], [[ada.email], 'Your password was changed']);
});

test('no refresh on another instance at the same time outlives a change', async (t) => {
  const room = await startRoom(t, quickCaches);
  const beside = await startRoom(t, { ...quickCaches, beside: room });
  await room.json('/auth/register', ada);
  let { password } = ada;
  let refreshed = 0;
  for (let round = 0; round < 8; round += 1) {
    const own = (await room.json('/auth/login', { ...ada, password })).body;
    const other = (await beside.json('/auth/login', { ...ada, password })).body;
    const next = `the long sentence of round ${round}`;
    const [changed, answer] = await Promise.all([
      change(room, bearer(own['access_token']), password, next),
      refresh(beside, String(other['refresh_token'])),
    ]);
    t.is(changed.status, 204);
    password = next;
    if (answer.status !== 200) continue;
    refreshed += 1;
    t.like((await refresh(beside, String(answer.body['refresh_token']))).body, { error: 'invalid_grant' });
    for (const { me } of [room, beside]) {
      const hasEnded = async () => (await me(bearer(answer.body['access_token']))).body['code'] === 'token_revoked';
      await eventually(hasEnded, 'the refreshed access token has ended');
    }
  }
  t.true(refreshed > 0, 'some refreshes came first');
});

test('a change from a browser session keeps this session and needs its CSRF token', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  const { cookie, csrf } = await openSession(room);
  t.like((await change(room, { Cookie: cookie })).body, { code: 'csrf_token_invalid' });
  t.is((await change(room, { Cookie: cookie, 'X-CSRF-Token': csrf })).status, 204);
  t.is((await room.me({ Cookie: cookie })).status, 200);
  t.like((await room.me(bearer(access))).body, { code: 'token_revoked' });
});

test('a wrong current password is refused, recorded and limited like a sign-in', async (t) => {
  // The account of each attempt. The limit lets 3 attempts pass: the sign-in of `signedIn` and two wrong passwords.
  const asked: string[] = [];
  const room = await startRoom(t, {
    throttle: {
      ...noLoginThrottle,
      attempt: async ({ account }) => {
        asked.push(account);
        return asked.length > 3 ? { retryAfterSeconds: 30, isFirst: false } : undefined;
      },
    },
  });
  const { access } = await signedIn(room);
  const wrong = await change(room, bearer(access), 'not my password');
  t.is(wrong.status, 401);
  t.like(wrong.body, { code: 'credentials_invalid', detail: 'The current password is wrong' });
  t.true((await auditActions(room)).includes('user.password_refused'));
  t.is((await change(room, bearer(access), 'not my password')).status, 401);
  const limited = await change(room, bearer(access));
  t.is(limited.status, 429);
  t.is(limited.headers.get('retry-after'), '30');
  t.deepEqual(new Set(asked), new Set([ada.email, `confirmation of ${ada.email}`]), 'not the counter of sign-ins');
});

test('a weak new password is refused with a pointer to `new_password`', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  const short = await change(room, bearer(access), ada.password, 'short');
  t.is(short.status, 422);
  t.like(short.body['errors'], { 0: { pointer: '/new_password', code: 'invalid_length' } });
  t.is((await change(room, bearer(access), ada.password, ada.email)).status, 422);
  t.is((await room.json('/auth/login', ada)).status, 200);
});

test('a change by a client or an API key gets 404, because they have no password', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  const token = await room.form('/auth/token', {
    grant_type: 'client_credentials',
    client_id: 'desk',
    client_secret: 'bootstrap secret',
  });
  const { body } = await room.json('/api-keys', { name: 'key', scopes: ['ml:read'] }, bearer(access));
  for (const headers of [bearer(token.body['access_token']), { 'X-API-Key': String(body['key']) }]) {
    t.like((await change(room, headers)).body, { status: 404, code: 'resource_not_found' });
  }
  t.is((await change(room, {})).status, 401);
});

/** Holds one sign-in after its password was checked, right before it writes. `hold` selects the next one. */
const holdSignIn = () => {
  const released = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  let isNextHeld = false;
  const make = ({ unitOfWork }: RoomParts): Pick<RoomParts, 'unitOfWork'> => ({
    unitOfWork: {
      run: async (options, work) => {
        if (isNextHeld && options.operation === 'auth.login') {
          isNextHeld = false;
          reached.resolve();
          await released.promise;
        }
        return unitOfWork.run(options, work);
      },
    },
  });
  return { make, hold: () => (isNextHeld = true), reached: reached.promise, release: released.resolve };
};

test('a sign-in that checked the old password before the change does not survive it', async (t) => {
  const { make, hold, reached, release } = holdSignIn();
  const room = await startRoom(t, { make });
  const { access } = await signedIn(room);
  hold();
  const slow = room.json('/auth/login', ada);
  await reached;
  t.is((await change(room, bearer(access))).status, 204);
  release();
  t.is((await slow).status, 401);
});

test('simultaneous sign-ins that renew an outdated hash all succeed', async (t) => {
  const room = await startRoom(t);
  await room.json('/auth/register', ada);
  // The stored hash has 1 pass. An instance with 2 passes takes it as outdated and renews it at a sign-in.
  const secondInstance = await startRoom(t, { beside: room, settings: { hashing: { ...quickHashing, passes: 2 } } });
  const answers = await Promise.all(Array.from({ length: 6 }, () => secondInstance.json('/auth/login', ada)));
  t.deepEqual(
    answers.map(({ status }) => status),
    Array.from({ length: 6 }, () => 200),
  );
});

test('the changes of one account in a day are limited, and the refused one changes nothing', async (t) => {
  const room = await startRoom(t, { creationsPerDay: 2 });
  const { access } = await signedIn(room);
  const passwords = [ada.password, 'a first long sentence', 'a second long sentence', 'a third long sentence'];
  const changeTo = (round: number) => change(room, bearer(access), passwords[round - 1], passwords[round]);
  for (const round of [1, 2]) t.is((await changeTo(round)).status, 204);
  const refused = await changeTo(3);
  t.is(refused.status, 429);
  t.like(refused.body, { code: 'quota_exceeded', errors: [{ code: 'password_changes_in_a_day' }] });
  t.is((await change(room, bearer(access), passwords[3])).status, 401, 'the password is still the second one');
});

test('refused new passwords do not count as guesses of the current one', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  for (let weak = 0; weak < 12; weak += 1) {
    const { status, body } = await change(room, bearer(access), ada.password, 'short');
    t.is(status, 422, JSON.stringify(body));
  }
  t.is((await change(room, bearer(access))).status, 204);
});
