import type { Attack } from '../attack.ts';
import { each } from '../each.ts';
import { rawRequest } from '../raw-request.ts';

const from = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join('');

/**
 * A locale of 60 KB in which each part was compared with all others, in 0.4 s, and a target of 16 KB whose marks were sorted by insertion, before every
 * limit.
 */
export const longTexts: Attack = {
  name: 'long texts that take the square of their length',
  run: async (field) => {
    const users = await field.people.make(Math.min(4, field.addresses.length));
    const locale = `en${from(10_000, (index) => `-${10_000 + index}`)}`;
    const body = Buffer.from(JSON.stringify({ locale }));
    const target = `http://${'%CC%81'.repeat(1_300)}${'%CC%A3'.repeat(1_300)}/`;
    await each(field, { parallel: 16 }, (number, address) => {
      const user = users[number % users.length]!;
      const change = {
        method: 'PATCH',
        path: '/api/v1/profile',
        headers: {
          'Content-Type': 'application/merge-patch+json',
          'If-Match': '*',
          Authorization: `Bearer ${user.token}`,
        },
        body,
      };
      const request =
        number % 2 === 0 ? { address: user.address, ...change } : { address, method: 'GET', path: target };
      return rawRequest({ ...field, ...request });
    });
  },
};
