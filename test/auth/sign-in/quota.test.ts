import test from 'ava';
import { signedInUser, startMailRoom, tokenFor } from '#test/mail/mail-room.ts';
import { ada, bearer, signedIn, startRoom, type Room } from '../room.ts';
import { authenticator } from '../second-factor/second-factor-setup.ts';

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

const key = { name: 'x', scopes: ['ml:read'] };
const rotate = (room: Room, id: unknown, headers: Record<string, string>) =>
  room.json(`/api-keys/${String(id)}/rotate?overlap_hours=0`, undefined, headers);

test('a stolen token uses up creations and changes, and its owner can rotate and add a second factor', async (t) => {
  const room = await startRoom(t, { creationsPerDay: 4 });
  const shown = bearer((await signedIn(room)).access);
  const { body } = await room.json('/api-keys', key, shown);
  const rename = (name: string) => room.json(`/api-keys/${String(body['id'])}`, { name }, shown, 'PATCH');
  for (const name of ['1', '2', '3', '4']) t.is((await rename(name)).status, 200);
  t.like(await rename('5'), { status: 429, body: { errors: [{ code: 'changes_in_a_day' }] } });
  for (let count = 0; count < 3; count += 1) t.is((await room.json('/api-keys', key, shown)).status, 201);
  t.like(await room.json('/api-keys', key, shown), { status: 429, body: { errors: [{ code: 'creations_in_a_day' }] } });

  const rotated = await rotate(room, body['id'], shown);
  t.is(rotated.status, 201);
  const { body: totp } = await room.json('/account/totp', undefined, shown);
  const code = authenticator(String(totp['uri']))();
  t.is((await room.json('/account/totp', { code }, shown, 'PUT')).status, 200);
  t.is((await room.call(`/api-keys/${String(rotated.body['id'])}`, { method: 'DELETE', headers: shown })).status, 204);
});

test('after a change of the password the owner can rotate, whatever a stolen token has used up', async (t) => {
  const room = await startRoom(t, { creationsPerDay: 4 });
  const thief = bearer((await signedIn(room)).access);
  const owner = bearer((await signedIn(room)).access);
  let { body } = await room.json('/api-keys', key, owner);
  for (let count = 0; count < 4; count += 1) ({ body } = await rotate(room, body['id'], thief));
  t.like(await rotate(room, body['id'], owner), { status: 429, body: { errors: [{ code: 'protections_in_a_day' }] } });
  const passwords = { current_password: ada.password, new_password: 'a different long sentence' };
  t.is((await room.json('/account/password', passwords, owner)).status, 204);
  t.is((await rotate(room, body['id'], owner)).status, 201);
  t.is((await room.json('/api-keys', key, owner)).status, 201);
});
