import test from 'ava';
import { createLoginThrottle } from '#src/rate-limit/login-throttle.ts';
import { countersInOwnTime } from '#test/rate-limit/counters-in-own-time.ts';
import { ada, startRoom, type Room } from '../room.ts';

const login = (room: Room, who: { email: string; password: string }) =>
  room.json('/auth/login', who, { 'X-Forwarded-For': '198.51.100.1' });
const wrong = { ...ada, password: 'not the right one' };

test('many wrong passwords in a network with used-up counters get the answers of an account that does not sign in from there', async (t) => {
  const points = { account_place: 10, account_new: 3, account: 100 };
  const { counters, advance } = countersInOwnTime(points);
  const throttle = createLoginThrottle({
    counters,
    hashKey: Buffer.from('key'),
    place: { points: points.account_place, windowSeconds: 900 },
    elsewhere: { points: points.account, windowSeconds: 900 },
    newAccounts: points.account_new,
    decided: () => {},
  });
  const room = await startRoom(t, { throttle, settings: { revocationPollMs: 60_000 } });
  await room.json('/auth/register', ada);
  t.is((await login(room, ada)).status, 200);
  const attempts = (who: object, count: number) =>
    Promise.all(Array.from({ length: count }, () => login(room, { ...wrong, ...who })));
  const answered = async (who: object, count: number) =>
    (await attempts(who, count)).map(({ status, headers }) => `${status} ${headers.get('retry-after')}`).sort();
  const checked = Array.from({ length: points.account_place }, () => '401 null');
  t.deepEqual(await answered({}, 13), [...checked, '429 30', '429 30', '429 30'], 'the counters are not used up yet');
  advance(30);
  t.is((await login(room, ada)).status, 200);
  for (let number = 0; number < points.account_new; number += 1)
    await login(room, { ...wrong, email: `nobody${number}@example.org` });
  await attempts({ email: 'flood@example.org' }, points.account_place);
  for (const delay of [30, 60, 120]) {
    advance(delay);
    await login(room, { ...wrong, email: 'flood@example.org' });
  }
  const answers = async (email: string) => {
    const shown = [];
    for (let guess = 0; guess < 12; guess += 1) {
      const { status, body, headers } = await login(room, { ...wrong, email });
      shown.push([status, body['code'], body['detail'], headers.get('retry-after')]);
      advance(1);
    }
    advance(-12);
    return shown;
  };
  const unknown = await answers('nobody@example.org');
  t.is(unknown[0]![0], 429);
  t.is(unknown[0]![3], '240');
  t.deepEqual(await answers(ada.email), unknown);
  advance(60);
  t.is((await login(room, ada)).status, 200, 'the right password waits for the own delay only');

  // The delay of the network has ended. Of simultaneous attempts one passes, and the others wait for the next delay.
  const atOnce = (email: string) => {
    advance(900);
    return answered({ email }, 12);
  };
  const expected = ['401 null', ...Array.from({ length: 11 }, () => '429 480')];
  t.deepEqual(await atOnce('nobody@example.org'), expected);
  t.deepEqual(
    await atOnce(ada.email),
    expected.map((each) => each.replace('480', '900')),
  );
});
