import test from 'ava';
import { z } from 'zod';
import { tokenInput, emailInput } from '#src/auth/users/account-inputs.ts';
import { parsePart } from '#src/http/routing/input/validation.ts';
import { dateParameter, integerParameter } from '#src/kernel/lists/pagination.ts';

const schema = z.strictObject({
  theme: z.enum(['light', 'dark']),
  day: dateParameter,
  rows: integerParameter(1, 10),
  share: z.number().max(1),
  id: z.uuid(),
  password: z.string().min(12),
  email: emailInput,
  token: tokenInput,
  code: z.string().regex(/^\d{6}$/, 'Must be six digits'),
});
const refusals = (body: Readonly<Record<string, unknown>>): readonly string[] =>
  parsePart('body', schema, body)
    .errors()
    .map(({ detail }) => detail);

test('a short value that is neither secret nor personal is repeated', (t) => {
  const body = { theme: 'drak', day: '31.01.2026', rows: '11', share: 60, id: '7' };
  const [theme, day, rows, share, id] = refusals(body);
  t.is(theme, 'theme must be light or dark, not "drak"; did you mean dark?');
  t.is(day, 'day must be a valid date as YYYY-MM-DD, such as 2026-01-31, not "31.01.2026"');
  t.is(rows, 'rows must be an integer from 1 to 10, not 11');
  t.is(share, 'share must be at most 1, not 60');
  t.is(
    id,
    'id must be a UUID, not "7": send the id that the API returned when the object was created or listed, such as 0190b5c0-8c3f-7cc1-8f6e-3d2a5b1c9e70',
  );
  t.is(refusals({ ...body, day: '2026-02-30' })[1], 'day must be a date that exists, not 2026-02-30');
});

test('a long value is not repeated', (t) => {
  const long = 'x'.repeat(33);
  t.false(refusals({ theme: long, day: long, rows: long, id: long }).join('\n').includes(long));
});

test('a password, an e-mail address, a token and a code are never repeated', (t) => {
  const body = { password: 'hunter2', email: 'ann.example', token: '', code: '12345x' };
  const details = refusals(body);
  t.deepEqual(
    details.filter((detail) => /^(password|email|token|code) /.test(detail)),
    [
      'password must have at least 12 characters',
      'email must be an e-mail address',
      'token must have at least 1 character',
      'code must be six digits',
    ],
  );
});

test('a missing member is described by its schema', (t) => {
  const described = z.strictObject({
    universe: z.string().meta({ description: 'Name of a universe. It exists', examples: ['tech5'] }),
    scopes: z.array(z.enum(['a', 'b'])),
    assets: z.array(z.strictObject({ symbol: z.string(), name: z.string().optional(), size: z.int().default(1) })),
  });
  const details = (part: 'body' | 'query') =>
    parsePart(part, described, {})
      .errors()
      .map(({ detail }) => detail);
  t.deepEqual(details('body'), [
    'universe is required: send a string (name of a universe), such as "tech5"',
    'scopes is required: send an array of a or b',
    'assets is required: send an array, each item an object with symbol, and optional name and size',
  ]);
  const wide = z.strictObject(Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`m${index}`, z.string()])));
  t.is(
    parsePart('body', z.strictObject({ rows: z.array(wide) }), {}).errors()[0]?.detail,
    'rows is required: send an array, each item an object',
  );
  t.is(details('query')[0], 'universe is required: add universe=tech5 to the query (name of a universe)');
});
