import test from 'ava';
import { createBoundedWork } from '#src/auth/secrets/bounded-work.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { createSecretHasher } from '#src/auth/secrets/secret-hasher.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { quickHashing } from './setup.ts';

test('a hash is a PHC string with a salt of its own, and fits its secret only', async (t) => {
  const hasher = createSecretHasher(quickHashing);
  const [one, two] = [await hasher.hash('secret'), await hasher.hash('secret')];
  t.regex(one, /^\$argon2id\$v=19\$m=64,t=1,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  t.not(one, two);
  t.deepEqual(await hasher.verify('secret', one), { valid: true, outdated: false });
  t.deepEqual(await hasher.verify('Secret', one), { valid: false, outdated: false });
  t.deepEqual(await hasher.verify('secret', undefined), { valid: false, outdated: false });
});

test('a hash of the reference implementation is understood', async (t) => {
  // P-H-C/phc-winner-argon2, src/test.c: t=2, m=2^16, p=1, "password", "somesalt".
  const hasher = createSecretHasher(quickHashing);
  const known = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  t.deepEqual(await hasher.verify('password', known), { valid: true, outdated: true });
  t.deepEqual(await hasher.verify('passwort', known), { valid: false, outdated: false });
});

for (const changed of [{ memoryKib: 128 }, { passes: 2 }, { parallelism: 2 }]) {
  test(`a hash made before ${JSON.stringify(changed)} is outdated`, async (t) => {
    const before = await createSecretHasher(quickHashing).hash('secret');
    const after = createSecretHasher({ ...quickHashing, ...changed });
    t.deepEqual(await after.verify('secret', before), { valid: true, outdated: true });
  });
}

test('what is stored and is no hash is a fault of ours, not a wrong password', async (t) => {
  const hasher = createSecretHasher(quickHashing);
  for (const stored of ['', 'plain', '$argon2i$v=19$m=64,t=1,p=1$AAAA$AAAA', '$argon2id$v=16$m=64,t=1,p=1$AAAA$AAAA']) {
    await t.throwsAsync(hasher.verify('secret', stored), { message: /is not an argon2id hash/ });
  }
});

test('never more than so many at once, first come first served, and no more than the queue holds', async (t) => {
  const work = createBoundedWork({ concurrency: 2, queue: 3 });
  const order: number[] = [];
  let running = 0;
  let most = 0;
  const gate = Promise.withResolvers<void>();
  const task = (id: number) =>
    work.run(async () => {
      running += 1;
      most = Math.max(most, running);
      await gate.promise;
      order.push(id);
      running -= 1;
    });
  const accepted = [1, 2, 3, 4, 5].map(task);
  for (const id of [6, 7]) {
    const error = await t.throwsAsync(task(id), { instanceOf: AppError });
    t.is(error?.code, 'overloaded');
    t.is(error?.retryAfter, 1);
  }
  gate.resolve();
  await Promise.all(accepted);
  t.is(most, 2);
  t.deepEqual(order, [1, 2, 3, 4, 5]);
  await t.notThrowsAsync(task(8), 'the places are free again');
});

test('a task that throws gives its place back', async (t) => {
  const work = createBoundedWork({ concurrency: 1, queue: 0 });
  await t.throwsAsync(work.run(() => Promise.reject(new Error('x'))));
  t.is(await work.run(async () => 1), 1);
});

test('callers take turns, and a caller who waits for nothing gets a place in a queue that another has filled', async (t) => {
  const work = createBoundedWork({ concurrency: 1, queue: 4 });
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const from = (clientIp: string, name: string): Promise<void> =>
    runInRequest({ clientIp } as RequestContext, () =>
      work.run(async () => {
        await gate.promise;
        order.push(name);
      }),
    );
  const flood = ['a0', 'a1', 'a2', 'a3', 'a4'].map((name) => from('192.0.2.1', name));
  const displaced = t.throwsAsync(flood[4]!, { instanceOf: AppError, message: /sign-ins/ });
  const other = from('192.0.2.2', 'b0');
  await displaced;
  gate.resolve();
  await Promise.all([...flood.slice(0, 4), other]);
  t.deepEqual(order, ['a0', 'a1', 'b0', 'a2', 'a3']);
});
