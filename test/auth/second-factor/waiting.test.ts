import test from 'ava';
import { bearer, signedIn, startRoom } from '../room.ts';
import { settings } from '../setup.ts';
import { authenticator, enrolled, firstStep, secondStep, wrongCode } from './second-factor-setup.ts';

test('a secret that is not enabled is removed after many wrong codes', async (t) => {
  const { maxSecondFactorFailures } = settings;
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  const make = async () =>
    authenticator(String((await room.json('/account/totp', undefined, bearer(access))).body['uri']));
  const confirm = (code: string) => room.json('/account/totp', { code }, bearer(access), 'PUT');
  const code = await make();
  for (let failure = 1; failure <= maxSecondFactorFailures; failure += 1) {
    const { status, body } = await confirm(wrongCode(code));
    t.is(status, 422);
    t.regex(
      JSON.stringify(body),
      failure < maxSecondFactorFailures ? /check the clock/ : /the secret is removed: make/,
    );
  }
  t.is((await confirm(code())).status, 404);
  const next = await make();
  t.is((await confirm(wrongCode(next))).status, 422);
  t.is((await confirm(next())).status, 200, 'a new secret has a new count');
  const locked = { method: 'totp', outcome: 'locked' } as const;
  t.is(room.metrics.value('volwatch_auth_second_factor_total', locked), 1);
});

test('the end of the other sign-ins ends those that wait for their second step too', async (t) => {
  const { room, access, code } = await enrolled(t);
  const { token } = await firstStep(room);
  t.is((await room.json('/account/sessions?keep_current=true', undefined, bearer(access), 'DELETE')).status, 204);
  t.like((await secondStep(room, token, code())).body, { code: 'second_factor_invalid' });
});
