import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { recordAllExamples } from '#testkit/examples/all-examples.ts';
import { generousRateLimits } from '#testkit/rate-limits.ts';
import { call } from '#testkit/running-service.ts';

/** Operations that end resets of the password by mail: those with a token of a message, which only the owner of the mailbox has. */
const withTokenOfMessage = ['PUT /api/v1/account/password-reset', 'PUT /api/v1/account/email'];

type Operation = { readonly security?: readonly Readonly<Record<string, unknown>>[] };
type Document = { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };

/** The operations that callers with credentials reach. */
const reachedByCallers = ({ paths }: Document): string[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { security = [] }]) => security.some((way) => Object.keys(way).length > 0))
      .map(([method]) => `${method.toUpperCase()} ${path}`),
  );

const storeResets = `insert into account_token (token_hash, user_id, purpose, email, created_at, expires_at)
  select convert_to(id::text, 'UTF8'), id, 'password_reset', email, now(), now() + interval '1 day'
  from user_account on conflict do nothing`;
const storedResets = `select user_id from account_token
  where purpose = 'password_reset' and token_hash = convert_to(user_id::text, 'UTF8')`;

test('no operation ends a reset of the password by mail, except with a token of a message', async (t) => {
  t.timeout(300_000);
  const database = await setupDatabase(t);
  const seen = new Set<string>();
  const ending = new Set<string>();
  let document: Document | undefined;
  let stored = 0;
  await recordAllExamples(
    t,
    { DATABASE_URL: database.url, ...generousRateLimits },
    async (operation, _answer, service) => {
      document ??= (await call(`${service.url}/openapi.json`)).body as unknown as Document;
      seen.add(operation);
      if ((await database.query(storedResets)).length < stored) ending.add(operation);
      await database.query(storeResets);
      stored = (await database.query(storedResets)).length;
    },
  );
  t.true(stored > 0);
  const reached = reachedByCallers(document!);
  t.true(reached.length > 60, `${reached.length} operations`);
  t.deepEqual(
    reached.filter((operation) => !seen.has(operation)),
    [],
    'give the operation an example in testkit/examples',
  );
  t.deepEqual([...ending].toSorted(), withTokenOfMessage.toSorted(), 'see docs/decisions/0370');
});
