import test from 'ava';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { createSecretHasher } from '#src/auth/secrets/secret-hasher.ts';
import { quickHashing } from './setup.ts';

test('a hash is a PHC string with a salt of its own, and fits its secret only', async (t) => {
  const hasher = createSecretHasher({ ...quickHashing, metrics: noMetrics, work: 'password' });
  const [one, two] = [await hasher.hash('secret'), await hasher.hash('secret')];
  t.regex(one, /^\$argon2id\$v=19\$m=64,t=1,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  t.not(one, two);
  t.deepEqual(await hasher.verify('secret', one), { valid: true, outdated: false });
  t.deepEqual(await hasher.verify('Secret', one), { valid: false, outdated: false });
  t.deepEqual(await hasher.verify('secret', undefined), { valid: false, outdated: false });
});

test('a hash of the reference implementation is understood', async (t) => {
  // P-H-C/phc-winner-argon2, src/test.c: t=2, m=2^16, p=1, "password", "somesalt".
  const hasher = createSecretHasher({ ...quickHashing, metrics: noMetrics, work: 'password' });
  const known = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  t.deepEqual(await hasher.verify('password', known), { valid: true, outdated: true });
  t.deepEqual(await hasher.verify('passwort', known), { valid: false, outdated: false });
});

for (const changed of [{ memoryKib: 128 }, { passes: 2 }, { parallelism: 2 }]) {
  test(`a hash made before ${JSON.stringify(changed)} is outdated`, async (t) => {
    const before = await createSecretHasher({ ...quickHashing, metrics: noMetrics, work: 'password' }).hash('secret');
    const after = createSecretHasher({ ...quickHashing, ...changed, metrics: noMetrics, work: 'password' });
    t.deepEqual(await after.verify('secret', before), { valid: true, outdated: true });
  });
}

test('what is stored and is no hash is a fault of ours, not a wrong password', async (t) => {
  const hasher = createSecretHasher({ ...quickHashing, metrics: noMetrics, work: 'password' });
  for (const stored of ['', 'plain', '$argon2i$v=19$m=64,t=1,p=1$AAAA$AAAA', '$argon2id$v=16$m=64,t=1,p=1$AAAA$AAAA']) {
    await t.throwsAsync(hasher.verify('secret', stored), { message: /is not an argon2id hash/ });
  }
});
