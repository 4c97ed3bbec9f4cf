import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.ts';
import { each } from '../each.ts';
import { rawRequest } from '../raw-request.ts';
import type { Person } from '../people.ts';

const json = { 'Content-Type': 'application/json' };

export const wrongPasswords = (): Attack => {
  let known: readonly Person[] = [];
  return {
    name: 'wrong passwords on many accounts',
    run: async (field) => {
      known = await field.people.make(2);
      // One address may make only a few sign-in attempts. With one address, all attempts go to the known accounts. With 50
      // addresses half of them do, which is more than RATE_LIMIT_ACCOUNT_ATTEMPTS_ELSEWHERE (100) for each account.
      const knownEvery = field.addresses.length === 1 ? 1 : 2;
      await each(field, { parallel: 8 }, (number, address) => {
        const turn = Math.floor(number / knownEvery);
        const person = number % knownEvery === 0 ? known[turn % known.length] : undefined;
        const email = person?.email ?? `stranger-${turn % 43}@example.com`;
        const body = Buffer.from(JSON.stringify({ email, password: 'not the password' }));
        return rawRequest({ ...field, address, method: 'POST', path: '/api/v1/auth/login', headers: json, body });
      });
    },
    fault: async ({ people }) => {
      for (const person of known) {
        const status = await people.signIn(person, person.address);
        if (status !== 200) return `the owner of an attacked account got ${status} where he had signed in before`;
      }
      return undefined;
    },
  };
};

const madeUp = (): string => randomBytes(32).toString('base64url');

/** More than RATE_LIMIT_CREDENTIALS_PER_MINUTE (30) requests from one address are needed for a refusal. */
export const madeUpCredentials: Attack = {
  name: 'made-up API keys and sessions',
  minRequestsOfAddress: 40,
  run: (field) =>
    each(field, { parallel: 16 }, (number, address) => {
      const credential =
        number % 2 === 0 ? { 'X-API-Key': `vwk_aaaaaaaa_${madeUp()}` } : { Cookie: `__Host-session=vws_${madeUp()}` };
      return rawRequest({ ...field, address, method: 'GET', path: '/api/v1/auth/me', headers: credential });
    }),
};

export const erasedOwner: Attack = {
  name: 'API keys of an erased user',
  slow: true,
  run: async (field) => {
    const [user] = await field.people.make(1);
    const keys = await field.people.keys(user!, 2);
    // docs/audit.md prescribes these statements to erase a user.
    for (const table of ['account_settings', 'account_profile'])
      await field.sql(`delete from ${table} where user_id = $1`, [user!.id]);
    await field.sql('delete from user_account where id = $1', [user!.id]);
    // Within this time every instance must know about the erasure.
    await sleep(5_000);
    await each(field, { parallel: 8 }, (number, address) => {
      const credential =
        number % 3 === 2 ? { Authorization: `Bearer ${user!.token}` } : { 'X-API-Key': keys[number % 3]! };
      return rawRequest({ ...field, address, method: 'GET', path: '/api/v1/auth/me', headers: credential });
    });
  },
  fault: ({ tally }) =>
    tally.count(200) > 0 ? `credentials of an erased user were accepted ${tally.count(200)} times` : undefined,
};

/** Twice RATE_LIMIT_USER_PER_MINUTE (300), because a run may span two windows of one minute. */
const maxAccepted = 2 * 300;

export const manyKeys: Attack = {
  name: '50 API keys of one user',
  run: async (field) => {
    const [user] = await field.people.make(1);
    const keys = await field.people.keys(user!, 50);
    await each(field, { parallel: 16 }, (number, address) =>
      rawRequest({
        ...field,
        address,
        method: 'GET',
        path: '/api/v1/auth/me',
        headers: { 'X-API-Key': keys[number % keys.length]! },
      }),
    );
  },
  fault: ({ tally }) =>
    tally.count(200) > maxAccepted
      ? `one user made ${tally.count(200)} requests with many keys; at most ${maxAccepted} are allowed in two minutes`
      : undefined,
};

export const registrations: Attack = {
  name: 'registrations',
  run: (field) => {
    const runId = Date.now();
    return each(field, { parallel: 16 }, (number, address) => {
      const body = Buffer.from(
        JSON.stringify({ email: `new-${runId}-${number}@example.com`, password: 'correct horse battery' }),
      );
      return rawRequest({ ...field, address, method: 'POST', path: '/api/v1/auth/register', headers: json, body });
    });
  },
};

export const resetMessages: Attack = {
  name: 'password resets for one address',
  run: (field) => {
    const body = Buffer.from(JSON.stringify({ email: `victim-${Date.now()}@example.com` }));
    return each(field, { parallel: 8 }, (_number, address) =>
      rawRequest({ ...field, address, method: 'POST', path: '/api/v1/account/password-reset', headers: json, body }),
    );
  },
};

export const foreignMessages: Attack = {
  name: 'messages to many foreign addresses from one account',
  run: async (field) => {
    const [user] = await field.people.make(1);
    const runId = Date.now();
    const headers = { ...json, Authorization: `Bearer ${user!.token}` };
    await each(field, { parallel: 4 }, (number, address) => {
      const wanted = { email: `victim-${runId}-${number}@example.net`, current_password: user!.password };
      const body = Buffer.from(JSON.stringify(wanted));
      return rawRequest({ ...field, address, method: 'POST', path: '/api/v1/account/email', headers, body });
    });
  },
  // MAIL_PER_ACCOUNT_PER_HOUR is 10, and each change of the address sends two messages: at most 5 changes.
  fault: ({ tally }) =>
    tally.count(202) > 5 ? `one account caused messages to ${tally.count(202)} foreign addresses` : undefined,
};
