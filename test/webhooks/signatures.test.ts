import test from 'ava';
import { createWebhookSecrets, signatureOf } from '#src/webhooks/signatures.ts';
import { isVerified, startReceiver } from '#testkit/servers/webhook-receiver.ts';
import { auditActions, refreshed, registered, startRoom } from './setup.ts';

test('signs as the example of the specification', (t) => {
  // The test vector of the reference implementations.
  const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1_614_265_330, body: '{"test": 2432232314}' };
  t.is(
    signatureOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', message),
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  );
});

test('a secret is of one webhook, one version and one server', (t) => {
  const ours = createWebhookSecrets({ key: 'a key of the server' });
  const secret = ours.of('a', 1);
  t.is(secret, createWebhookSecrets({ key: 'a key of the server' }).of('a', 1));
  t.is(Buffer.from(secret.slice('whsec_'.length), 'base64').length, 32);
  const others = [ours.of('a', 2), ours.of('b', 1), createWebhookSecrets({ key: 'another key' }).of('a', 1)];
  t.is(new Set([secret, ...others]).size, 4);
});

test('after a rotation both secrets verify for a while, then the new one alone', async (t) => {
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  const { id, secret: before } = await registered(room, receiver.url);
  const { status, headers, body } = await room.call('POST', `/webhooks/${id}/rotate`);
  t.is(status, 200);
  t.is(headers.get('cache-control'), 'no-store');
  const after = String(body['secret']);
  t.not(after, before);
  await room.announce(refreshed);
  await room.work();
  t.true(await isVerified(receiver.received[0]!, before));
  t.true(await isVerified(receiver.received[0]!, after));
  room.advance(3_601);
  await room.announce(refreshed);
  await room.work();
  const { headers: signed } = receiver.received[1]!;
  t.is(signed['webhook-signature']?.split(' ').length, 1);
  t.true((await auditActions(room)).includes('webhook.rotated'));
});

test('a repeated rotation does not end the overlap of the secret that the receiver has', async (t) => {
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  const { id, secret: known } = await registered(room, receiver.url);
  const rotate = async (): Promise<string> =>
    String((await room.call('POST', `/webhooks/${id}/rotate`)).body['secret']);
  /** Whether the next delivery is signed by exactly these secrets. Its time can be too far away for a receiver. */
  const areSigning = async (secrets: readonly string[]): Promise<boolean> => {
    await room.announce(refreshed);
    await room.work();
    const { headers, body } = receiver.received.at(-1)!;
    const message = { id: headers['webhook-id']!, timestamp: Number(headers['webhook-timestamp']), body };
    return headers['webhook-signature'] === secrets.map((secret) => signatureOf(secret, message)).join(' ');
  };
  const [, second, third] = [await rotate(), await rotate(), await rotate()] as const;
  t.true(await areSigning([third, second, known]));
  room.advance(3_601);
  t.true(await areSigning([third]), 'the overlap ends after the last rotation');
  const next = await rotate();
  t.true(await areSigning([next, third]), 'a later rotation has an overlap of its own');
  t.true(await areSigning([await rotate(), next, third]));
});
