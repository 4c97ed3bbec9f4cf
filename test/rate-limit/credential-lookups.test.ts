import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { LookedUpCredential } from '#src/kernel/credentials/credential-lookups.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { createCredentialLookups } from '#src/rate-limit/credentials/credential-lookups.ts';

type Answer = 'good' | undefined | Error;
type Options = { readonly from?: string; readonly kind?: LookedUpCredential; readonly isOurs?: boolean };

const setup = ({ points = 3 } = {}) => {
  const state = { now: 0, found: 0 };
  const reported: string[] = [];
  const lookups = createCredentialLookups({
    clock: { monotonic: () => state.now },
    quota: { points, windowSeconds: 60 },
    abuse: { refused: (kind, address) => void reported.push(`${kind} ${address}`) },
    decided: (subject, { allowed }) => void reported.push(`${subject} ${allowed}`),
  });
  const show = (
    secret: string,
    answer: Answer,
    { from = '192.0.2.1', kind = 'api_key', isOurs = false }: Options = {},
  ): Promise<string | undefined> =>
    runInRequest({ clientIp: from } as RequestContext, () =>
      lookups.run({ kind, secret, isOurs }, async () => {
        state.found += 1;
        await Promise.resolve();
        if (answer instanceof Error) throw answer;
        return answer;
      }),
    );
  return { lookups, show, state, reported };
};
const mustWait = { instanceOf: AppError, message: /credentials of this address were refused/ };

test('after the limit made-up credentials are not looked up, until the window ends', async (t) => {
  const { show, state, reported } = setup();
  for (const secret of ['a', 'b', 'c']) t.is(await show(secret, undefined), undefined);
  const error = await t.throwsAsync(show('d', undefined), mustWait);
  t.like(error, { code: 'rate_limit_exceeded', retryAfter: 60 });
  t.is(error.headers['RateLimit'], '"credentials";r=0;t=60');
  t.is(state.found, 3);
  t.deepEqual(reported, ['credentials_refused 192.0.2.1', '192.0.2.1 false']);
  t.is(await show('e', undefined, { from: '192.0.2.2' }), undefined);
  state.now += 60_001;
  t.is(await show('f', undefined), undefined);
});

test('of simultaneous look-ups not more than the limit are carried out', async (t) => {
  const { show, state } = setup();
  const all = await Promise.allSettled(Array.from({ length: 50 }, (_, number) => show(`${number}`, undefined)));
  t.is(state.found, 3);
  t.is(all.filter(({ status }) => status === 'rejected').length, 47);
});

test('credentials that were accepted before, or that are ours, are looked up from an address that must wait', async (t) => {
  const { show } = setup();
  t.is(await show('old', 'good'), 'good');
  for (const secret of ['a', 'b', 'c']) await show(secret, undefined);
  await t.throwsAsync(show('new', 'good'), mustWait);
  t.is(await show('old', 'good'), 'good');
  t.is(await show('tagged', 'good', { isOurs: true }), 'good');
  // It was revoked: from now on it counts as any other.
  t.is(await show('old', undefined, { kind: 'api_key' }), undefined);
});

test('a refused API key or session is refused again without a look-up for a minute; other kinds are looked up', async (t) => {
  for (const [kind, expected] of [
    ['api_key', 1],
    ['session', 1],
    ['refresh_token', 3],
    ['client_secret', 3],
    ['calendar_state', 3],
  ] as const) {
    const { show, state } = setup();
    for (let number = 0; number < 3; number += 1) await show('same', undefined, { kind });
    t.is(state.found, expected, kind);
    state.now += 60_001;
    await show('same', undefined, { kind });
    t.is(state.found, expected + 1, kind);
  }
});

test('accepted credentials and failures of a dependency do not count, refusals by an error do', async (t) => {
  const { show, state } = setup();
  for (let number = 0; number < 10; number += 1) t.is(await show(`good ${number}`, 'good'), 'good');
  const failure = new AppError('auth_service_error');
  for (let number = 0; number < 10; number += 1) await t.throwsAsync(show(`down ${number}`, failure), { is: failure });
  const refusal = new AppError('client_credentials_invalid');
  const client = { kind: 'client_secret' } as const;
  for (let number = 0; number < 3; number += 1) await t.throwsAsync(show('wrong', refusal, client), { is: refusal });
  await t.throwsAsync(show('wrong', refusal, client), mustWait);
  t.is(state.found, 23);
});

test('an IPv6 /64 network counts as one address, and calls outside of requests are not limited', async (t) => {
  const { show, lookups } = setup();
  for (let host = 1; host <= 3; host += 1) await show(`${host}`, undefined, { from: `2001:db8::${host}` });
  await t.throwsAsync(show('next', undefined, { from: '2001:db8::ffff' }), mustWait);
  const outside = { kind: 'api_key', isOurs: false } as const;
  for (let number = 0; number < 5; number += 1) {
    t.is(await lookups.run({ ...outside, secret: `${number}` }, async () => undefined), undefined);
  }
});

test('the memory of the budget and of digests is bounded', async (t) => {
  const { show, state } = setup();
  for (let number = 0; number < 10_001; number += 1) {
    await show(`${number}`, undefined, { from: `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}` });
  }
  t.is(state.found, 10_001);
  // The first digest was forgotten, the last one was not.
  await show('0', undefined, { from: '192.0.2.9' });
  await show('10000', undefined, { from: '192.0.2.9' });
  t.is(state.found, 10_002);
});
