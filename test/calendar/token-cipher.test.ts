import { randomBytes } from 'node:crypto';
import test from 'ava';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { createTokenCipher, placeOf } from '#src/calendar/tokens/token-cipher.ts';

const place = placeOf.refreshToken('01a2166e-0f3c-7bac-b91c-929928954d74');
const unreadable = (work: () => unknown): boolean => {
  try {
    work();
    return false;
  } catch (error) {
    return codeOf(error) === 'calendar_token_unreadable';
  }
};

test('a token is decrypted at its place only, and not after a change', (t) => {
  const cipher = createTokenCipher({ keys: [randomBytes(32)] });
  for (const token of ['', 'canary', 'é'.repeat(4_000)]) {
    const stored = cipher.encrypt(token, place);
    t.is(cipher.decrypt(stored, place), token);
    t.not(cipher.encrypt(token, place), stored, 'each text has an IV of its own');
    t.true(unreadable(() => cipher.decrypt(stored, placeOf.accessToken('01a2166e-0f3c-7bac-b91c-929928954d74'))));
    const data = Buffer.from(stored.split('.')[2]!, 'base64url');
    for (const index of [0, 12, data.length - 1]) {
      const changed = Buffer.from(data);
      changed[index]! ^= 1;
      const text = [...stored.split('.').slice(0, 2), changed.toString('base64url')].join('.');
      t.true(
        unreadable(() => cipher.decrypt(text, place)),
        `byte ${index}`,
      );
    }
    t.true(unreadable(() => cipher.decrypt(stored.slice(0, -4), place)));
  }
  for (const text of ['', 'canary', 'v1..', 'v2.00000000.AAAA'])
    t.true(
      unreadable(() => cipher.decrypt(text, place)),
      text,
    );
});

test('keys are rotated without a moment in which a token cannot be read', (t) => {
  const [old, fresh] = [randomBytes(32), randomBytes(32)];
  const [before, both, after, end] = [[old], [old, fresh], [fresh, old], [fresh]].map((keys) =>
    createTokenCipher({ keys }),
  );
  const first = before!.encrypt('canary', place);
  t.is(both!.decrypt(first, place), 'canary');
  t.is(after!.decrypt(first, place), 'canary');
  const second = after!.encrypt('canary', place);
  t.is(both!.decrypt(second, place), 'canary', 'an instance that has the old order');
  t.is(end!.decrypt(second, place), 'canary');
  t.true(unreadable(() => end!.decrypt(first, place)));
  t.not(first.split('.')[1], second.split('.')[1], 'the id of the key is stored');
});
