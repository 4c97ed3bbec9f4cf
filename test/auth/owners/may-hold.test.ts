import test, { type ExecutionContext } from 'ava';
import type { Scope } from '#src/kernel/requests/principal.ts';
import { ownersOf } from '#testkit/accounts/owners.ts';
import { ada, bearer, signedIn, startRoom } from '../room.ts';
import { settings } from '../setup.ts';
import { during, endTokens, ownerIn } from './during.ts';

const scopes: Scope[] = ['market:manage', 'ml:read'];

/** A user with a key of two scopes. `hold` asks as work does that began with the key, after `meanwhile`. */
const setup = async (t: ExecutionContext) => {
  const room = await startRoom(t);
  await room.json('/auth/register', ada);
  await room.stored.query(`update user_account set scopes = '{market:manage,ml:read}'`);
  const { access } = await signedIn(room);
  const { body } = await room.json('/api-keys', { name: 'k', scopes }, bearer(access));
  const id = String(body['id']);
  const owner = await ownerIn(room);
  const { reader, unitOfWork } = room.database;
  const owners = ownersOf({ reader, roles: settings.roles, bootstrap: undefined, cacheMs: 60_000 });
  const caller = { kind: 'api_key', subject: id, owner, scopes } as const;
  const run = (work: Parameters<typeof unitOfWork.run<void>>[1]) =>
    unitOfWork.run({ operation: 'webhook.change' }, work);
  const hold = (meanwhile: () => Promise<unknown> = async () => {}) =>
    run(async ({ query }) => {
      await query('select 1');
      await meanwhile();
      await owners.assertHolds(query, caller, 'market:manage');
    });
  const store = () => run(({ query }) => owners.assertMayStore(query, owner, caller));
  const change =
    (path: string, changes?: object, method = 'POST') =>
    async () => {
      const { status } = await room.json(`/api-keys/${id}${path}`, changes, bearer(access), method);
      t.true(status < 300, String(status));
    };
  return { room, access, id, hold, store, change };
};

test('work of a key ends without an effect when the key is narrowed meanwhile', async (t) => {
  const { hold, store, change } = await setup(t);
  await t.notThrowsAsync(hold());
  await t.throwsAsync(hold(change('', { scopes: ['ml:read'] }, 'PATCH')), {
    code: 'scope_insufficient',
    message: 'The API key does not have the scope market:manage any more',
  });
  await t.notThrowsAsync(store(), 'what needs no scope');
});

test('work of a key ends without an effect when the overlap of its rotation ends meanwhile', async (t) => {
  const { room, hold, store, change } = await setup(t);
  await change('/rotate?overlap_hours=1')();
  await t.notThrowsAsync(hold(), 'the overlap lasts');
  await t.throwsAsync(
    hold(() => room.stored.query('update api_key set expires_at = clock_timestamp() where expires_at is not null')),
    { code: 'api_key_invalid' },
  );
  await t.throwsAsync(store(), { code: 'api_key_invalid' });
});

test('work of a key ends without an effect when its owner has lost the scope meanwhile', async (t) => {
  const { room, hold } = await setup(t);
  await t.throwsAsync(
    hold(() => room.stored.query(`update user_account set scopes = '{ml:read}'`)),
    { code: 'scope_insufficient', message: 'The owner of this credential does not hold market:manage any more' },
  );
});

for (const [what, method, body] of [
  ['narrows', 'PATCH', { scopes: [] }],
  ['revokes', 'DELETE', undefined],
] as const) {
  test(`a token that is revoked while its request waits ${what} no key`, async (t) => {
    const { room, access, id } = await setup(t);
    const send = () => room.json(`/api-keys/${id}`, body, bearer(access), method);
    const late = await during(room, await ownerIn(room), send, endTokens);
    t.like([late.status, late.body['code']], [401, 'token_revoked']);
    t.like(await room.stored.query('select scopes, revoked_at from api_key'), [{ scopes, revoked_at: null }]);
  });
}
