import test, { type ExecutionContext } from 'ava';
import { createAccountsRoutes } from '#src/accounts/account-routes.ts';
import { createPresetRoutes } from '#src/accounts/presets/preset-routes.ts';
import { createCursors } from '#src/kernel/lists/pagination.ts';
import { silentLogger as logger } from '#src/kernel/ports/logger.ts';
import { credentialsTurn } from '#src/kernel/ports/owners.ts';
import { presetValues } from '#src/pricing/index.ts';
import { during, endTokens, ownerIn } from '#test/auth/owners/during.ts';
import { bearer, signedIn, startRoom, type Answer, type Room } from '#test/auth/room.ts';
import { eventually } from '#testkit/eventually.ts';

const cursors = createCursors({ secret: 'a secret of this test' });
const start = (t: ExecutionContext): Promise<Room> =>
  startRoom(t, {
    moreRoutes: (parts) => [
      ...createAccountsRoutes({ ...parts, logger }),
      ...createPresetRoutes({
        ...parts,
        cursors,
        basePath: '/api/v1',
        values: presetValues,
        maxPresets: 5,
        forget: () => {},
      }),
    ],
  });

const change = (room: Room, path: string, body: object, access: string): Promise<Answer> =>
  room.call(path, {
    method: 'PATCH',
    headers: { ...bearer(access), 'Content-Type': 'application/merge-patch+json', 'If-Match': '"0"' },
    body: JSON.stringify(body),
  });
const put = (room: Room, name: string, access: string): Promise<Answer> =>
  room.json(`/settings/presets/${name}`, { model: 'heston' }, bearer(access), 'PUT');

const requests: Readonly<Record<string, (room: Room, access: string) => Promise<Answer>>> = {
  'a profile': (room, access) => change(room, '/profile', { display_name: 'Mallory' }, access),
  settings: (room, access) => change(room, '/settings', { default_universe: 'tech5' }, access),
  'a preset': (room, access) => put(room, 'late', access),
  'the removal of a preset': (room, access) =>
    room.call('/settings/presets/early', { method: 'DELETE', headers: bearer(access) }),
};

const storedOf = ({ stored }: Room) =>
  stored.query(`select (select count(*)::int from account_profile) as profiles,
    (select count(*)::int from account_settings) as settings, (select string_agg(name, ',') from pricing_preset) as presets`);

for (const [what, request] of Object.entries(requests)) {
  test(`${what} of a token that ends while its request waits is not stored`, async (t) => {
    const room = await start(t);
    const { access } = await signedIn(room);
    t.is((await put(room, 'early', access)).status, 201);
    const late = await during(room, await ownerIn(room), () => request(room, access), endTokens);
    t.like([late.status, late.body['code']], [401, 'token_revoked']);
    t.deepEqual(await storedOf(room), [{ profiles: 0, settings: 0, presets: 'early' }]);
  });

  test(`${what} waits for an account without the turn of its owner, which a reset takes later`, async (t) => {
    const room = await start(t);
    const { access } = await signedIn(room);
    t.is((await put(room, 'early', access)).status, 201);
    const owner = await ownerIn(room);
    const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    const sent: Promise<Answer>[] = [];
    await room.database.unitOfWork.run({ operation: 'account.password' }, async (transaction) => {
      await transaction.query('select 1 from user_account where id = $1 for update', [owner.id]);
      sent.push(request(room, access));
      await eventually(async () => (await room.stored.query(waiting)).length > 0, 'the request waits for the account');
      // Otherwise each of the two would wait for the other.
      const turn = credentialsTurn(owner);
      const [row] = await transaction.query('select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as free', [
        turn,
      ]);
      t.is(row!['free'], true);
      await endTokens(transaction);
    });
    t.like((await sent[0]!).body, { code: 'token_revoked' });
  });
}
