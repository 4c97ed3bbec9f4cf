import test from 'ava';
import { createWebhookSecrets, signatureOf } from '#src/webhooks/signatures.ts';

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
