import test, { type ExecutionContext } from 'ava';
import { createVerifiedPayloads } from '#src/auth/tokens/verified-payloads.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { clientClaims, craft, goodHeader, keys, now, pemOf, ringOf, setup } from '../setup.ts';

/** Counts the signatures that WebCrypto verifies. */
const countVerified = (t: ExecutionContext): (() => number) => {
  const { subtle } = crypto;
  const verify = subtle.verify.bind(subtle);
  let count = 0;
  Object.defineProperty(subtle, 'verify', {
    configurable: true,
    value: (...values: Parameters<typeof verify>) => {
      count += 1;
      return verify(...values);
    },
  });
  // The method of the prototype.
  t.teardown(() => Reflect.deleteProperty(subtle, 'verify'));
  return () => count;
};

test.serial('the signature of a token is verified once, and its claims and revocation each time', async (t) => {
  const count = countVerified(t);
  const state = { seconds: now, revoked: false };
  const clock = { now: () => new Date(state.seconds * 1_000), monotonic: () => performance.now() };
  const { show } = setup({ clock, isRevoked: async () => state.revoked });
  const token = craft(goodHeader, clientClaims);
  for (let request = 0; request < 3; request += 1) t.like(await show(`Bearer ${token}`), { subject: 'desk' });
  t.is(count(), 1);
  state.revoked = true;
  t.is(await show(`Bearer ${token}`).catch(codeOf), 'token_revoked');
  state.revoked = false;
  state.seconds = now + 3_600;
  t.is(await show(`Bearer ${token}`).catch(codeOf), 'token_expired');
});

test.serial('another signature, payload or header of a known token is verified by itself', async (t) => {
  const { show } = setup();
  const token = craft(goodHeader, clientClaims);
  t.like(await show(`Bearer ${token}`), { subject: 'desk' });
  const count = countVerified(t);
  const [header, payload, signature] = token.split('.') as [string, string, string];
  const other = craft(goodHeader, { ...clientClaims, sub: 'other' }).split('.') as [string, string, string];
  for (const wrong of [
    [header, payload, other[2]],
    [header, other[1], signature],
  ]) {
    t.is(await show(`Bearer ${wrong.join('.')}`).catch(codeOf), 'token_signature_invalid');
    t.is(await show(`Bearer ${wrong.join('.')}`).catch(codeOf), 'token_signature_invalid');
  }
  t.is(count(), 4, 'a refusal is not remembered');
});

test('payloads belong to one key, are few, and are not of long tokens', async (t) => {
  const verified = createVerifiedPayloads();
  const ring = await ringOf({ privateKeyPem: pemOf(keys.signing.privateKey) });
  const [key] = [...ring.verifying.values()].flat();
  const payload = Buffer.from('{}');
  verified.add(key!, 'a', payload);
  t.is(verified.of(key!, 'a'), payload);
  t.is(verified.of({ ...key! }, 'a'), undefined, 'a key that was loaded again knows no token');
  verified.add(key!, 'x'.repeat(2_049), payload);
  t.is(verified.of(key!, 'x'.repeat(2_049)), undefined);
  for (let token = 0; token < 4_096; token += 1) verified.add(key!, `token ${token}`, payload);
  t.is(verified.of(key!, 'a'), undefined, 'the oldest one is forgotten');
  t.is(verified.of(key!, 'token 0'), payload);
});
