import test, { type ExecutionContext } from 'ava';
import { auditActions, bearer, refresh, signedIn, startRoom, type Room } from '../room.ts';

const refused = { code: 'oauth_request_invalid', error: 'invalid_grant' };

/** What waits at a gate until the gate opens. */
const createGate = () => {
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const pass = async (): Promise<void> => {
    reached.resolve();
    await gate.promise;
  };
  return { pass, reached: reached.promise, open: gate.resolve };
};

/** An instance on the database of another one, whose clock differs from that of the other one. */
const startBeside = (
  t: ExecutionContext,
  room: Room,
  { aheadMs, beforeRefresh = async () => {} }: { aheadMs: number; beforeRefresh?: () => Promise<void> },
): Promise<Room> =>
  startRoom(t, {
    beside: room,
    clock: { now: () => new Date(Date.now() + aheadMs), monotonic: () => performance.now() },
    make: ({ unitOfWork }) => ({
      unitOfWork: {
        run: async (options, work) => {
          if (options.operation === 'auth.refresh') await beforeRefresh();
          return unitOfWork.run(options, work);
        },
      },
    }),
  });

for (const [what, aheadMs] of [
  ['ahead', 1_000],
  ['behind', -1_000],
] as const) {
  test(`a lost race on an instance whose clock is 1 s ${what} ends nothing`, async (t) => {
    const room = await startRoom(t);
    const gate = createGate();
    const other = await startBeside(t, room, { aheadMs, beforeRefresh: gate.pass });
    const { refresh: token } = await signedIn(room);
    const lost = refresh(other, token);
    await gate.reached;
    const { status, body } = await refresh(room, token);
    gate.open();
    t.is(status, 200);
    t.like((await lost).body, refused);
    t.is((await room.me(bearer(body['access_token']))).status, 200);
    t.is((await refresh(room, String(body['refresh_token']))).status, 200);
    t.false((await auditActions(room)).includes('refresh_token.reused'));
  });

  test(`a reuse on an instance whose clock is 1 s ${what} is found`, async (t) => {
    const room = await startRoom(t);
    const other = await startBeside(t, room, { aheadMs });
    const { refresh: token } = await signedIn(room);
    const { body } = await refresh(room, token);
    t.like((await refresh(other, token)).body, refused);
    t.like((await refresh(room, String(body['refresh_token']))).body, refused);
    t.is((await auditActions(room)).filter((action) => action === 'refresh_token.reused').length, 1);
  });
}

test('a request that arrived before the use and looked after it ends nothing', async (t) => {
  const room = await startRoom(t);
  const gate = createGate();
  const late = await startRoom(t, {
    beside: room,
    reader: {
      query: async (text, parameters) => {
        if (text.includes('from refresh_token as token')) await gate.pass();
        return room.database.reader.query(text, parameters);
      },
    },
  });
  const { refresh: token } = await signedIn(room);
  const lost = refresh(late, token);
  await gate.reached;
  const { body } = await refresh(room, token);
  gate.open();
  t.like((await lost).body, refused);
  t.is((await refresh(room, String(body['refresh_token']))).status, 200);
  t.false((await auditActions(room)).includes('refresh_token.reused'));
});
