import test from 'ava';
import { createTaggedSecrets } from '#src/kernel/credentials/tagged-secrets.ts';

const secrets = createTaggedSecrets(Buffer.from('key of the tags'));

test('a secret has its prefix and 43 characters, and is recognised', (t) => {
  const made = Array.from({ length: 1_000 }, () => secrets.create('vws_'));
  t.is(new Set(made).size, made.length);
  for (const secret of made) {
    t.regex(secret, /^vws_[\w-]{43}$/);
    t.true(secrets.isOurs(secret));
  }
});

test('a changed or made-up secret, another prefix and another key are not recognised', (t) => {
  const secret = secrets.create('vwk_abcdefgh_');
  for (let at = 0; at < secret.length; at += 1) {
    const changed = `${secret.slice(0, at)}${secret[at] === 'q' ? 'r' : 'q'}${secret.slice(at + 1)}`;
    // The last character holds two bits that are not part of the bytes.
    if (at < secret.length - 1) t.false(secrets.isOurs(changed), changed);
  }
  t.false(secrets.isOurs(`vwr_${secret.slice(-43)}`));
  t.false(secrets.isOurs(secret.slice(0, -1)));
  t.false(secrets.isOurs(''));
  t.false(createTaggedSecrets(Buffer.from('another key')).isOurs(secret));
});
