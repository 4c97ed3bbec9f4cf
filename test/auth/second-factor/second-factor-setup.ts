import type { ExecutionContext } from 'ava';
import { Secret, TOTP } from 'otpauth';
import { ada, bearer, signedIn, startRoom, type Room, type RoomOptions } from '../room.ts';

/**
 * An authenticator program on the clock of the room, which does not move: a test must get the same code twice, also when a
 * period ends meanwhile. The service accepts the period before its own.
 */
export const authenticator = (uri: string) => {
  const startedAt = Date.now();
  const parameters = new URL(uri).searchParams;
  const secret = Secret.fromBase32(String(parameters.get('secret')));
  return (secondsLater = 0): string =>
    new TOTP({ secret, algorithm: 'SHA1', digits: 6, period: 30 }).generate({
      timestamp: startedAt + secondsLater * 1000,
    });
};

/** A code that the authenticator does not show in any accepted period. */
export const wrongCode = (code: (secondsLater?: number) => string): string => {
  const accepted = new Set([-60, -30, 0, 30, 60].map((seconds) => code(seconds)));
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((each) => !accepted.has(each))!;
};

/** A user with a second factor. The room is advanced by a minute, so that the code of the set-up is over. */
export const enrolled = async (t: ExecutionContext, options: RoomOptions = {}) => {
  const room = await startRoom(t, options);
  const { access, refresh: refreshToken } = await signedIn(room);
  const made = await room.json('/account/totp', undefined, bearer(access));
  t.is(made.status, 201);
  t.is(made.headers.get('cache-control'), 'no-store');
  const code = authenticator(String(made.body['uri']));
  const confirmed = await room.json('/account/totp', { code: code() }, bearer(access), 'PUT');
  t.is(confirmed.status, 200);
  room.advance(90);
  return {
    room,
    access,
    refreshToken,
    secret: String(made.body['secret']),
    codes: confirmed.body['recovery_codes'] as string[],
    code: (secondsLater = 0) => code(90 + secondsLater),
  };
};

export const firstStep = async (room: Room, more: object = {}) => {
  const answer = await room.json('/auth/login', { ...ada, ...more });
  return { answer, token: String(answer.body['second_factor_token']) };
};
export const secondStep = (room: Room, token: string, code: string, headers: Record<string, string> = {}) =>
  room.json('/auth/login/second-factor', { second_factor_token: token, code }, headers);
