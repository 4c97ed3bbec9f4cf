import test from 'ava';
import { signedInUser, startMailRoom, tokenFor } from '#test/mail/mail-room.ts';
import { ada, bearer } from '../room.ts';

test('sign-ins have a quota of their own, which a token cannot use up and a reset by mail begins anew', async (t) => {
  const room = await startMailRoom(t, { creationsPerDay: 4 });
  const { access } = await signedInUser(room);
  const key = { name: 'x', scopes: ['ml:read'] };
  const made: number[] = [];
  for (let count = 0; count < 6; count += 1) made.push((await room.json('/api-keys', key, bearer(access))).status);
  t.deepEqual(made, [201, 201, 201, 201, 429, 429]);
  const login = async (password: string) => room.json('/auth/login', { ...ada, password });
  for (let count = 0; count < 3; count += 1) t.is((await login(ada.password)).status, 200);
  t.like(await login(ada.password), { status: 429, body: { errors: [{ code: 'sign_ins_in_a_day' }] } });
  await room.json('/account/password-reset', { email: ada.email });
  await room.work();
  const reset = { token: tokenFor(room, ada.email), new_password: 'a different long sentence' };
  t.is((await room.json('/account/password-reset', reset, {}, 'PUT')).status, 204);
  for (let count = 0; count < 4; count += 1) t.is((await login(reset.new_password)).status, 200);
  t.is((await login(reset.new_password)).status, 429);
});
