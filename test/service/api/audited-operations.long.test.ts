import test, { type ExecutionContext } from 'ava';
import { authOperations } from '#src/kernel/catalogue/operations.ts';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { user } from '#testkit/examples/account-steps.ts';
import { recordAllExamples } from '#testkit/examples/all-examples.ts';
import { generousRateLimits } from '#testkit/rate-limits.ts';
import { call, json, metric, scrape } from '#testkit/running-service.ts';

/** Operations that change something and record no audit event, each with the reason. */
const unaudited: readonly (readonly [operations: RegExp, reason: string])[] = [
  [/^POST \/api\/v1\/(pricing\/(?!jobs)|ml\/)/, 'it calculates, and stores nothing'],
  [/^(POST|PUT|DELETE) \/api\/v1\/pricing\/jobs/, 'the work of the caller for some hours, which nobody else can see'],
  [/^POST \/api\/v1\/auth\/token$/, 'tokens are counted and logged, because they are many and expire by themselves'],
  [/^POST \/api\/v1\/account\/totp$/, 'the secret has no effect before PUT with its code'],
  [
    /^POST \/api\/v1\/calendar\/sync\/auto$/,
    'it copies what the owner has changed at Google; metric and log tell of it',
  ],
];

/** Operations with a GET that change something. */
const changingReads = new Set(['GET /api/v1/calendar/callback', 'GET /api/v1/account/export']);

/** The routes of credentials: each call counts in `volwatch_auth_duration_seconds`. */
const credentialRoutes = /^\w+ \/api\/v1\/(auth\/(?!me$)|api-keys|users|account(?!\/export))/;

/** Members of a request that hold a secret which a caller could guess. */
const secretMember = /^(password|current_password|token|code|state|refresh_token|client_secret|second_factor_token)$/;
/** Operations that take such a secret without the limit of sign-ins, each with the reason. */
const otherwiseLimited: readonly (readonly [operation: string, reason: string])[] = [
  [
    'POST /api/v1/auth/token',
    'servers ask for many tokens; refused ones count against the address, see credential-lookups',
  ],
  ['POST /api/v1/auth/revoke', 'as above'],
  ['PUT /api/v1/account/totp', 'the code is of a secret that the answer before has shown to the caller'],
  ['GET /api/v1/calendar/callback', 'Google judges the code; refused states count against the address, see consents'],
];

/** Operations that a request of any route can count, because its caller is found out. */
const ofEveryRequest = new Set(['verify_token', 'session', 'api_key', 'check_owner', 'check_scope', 'check_csrf']);
type Schema = { readonly $ref?: string; readonly properties?: Readonly<Record<string, unknown>> };
type Operation = {
  readonly parameters?: readonly { readonly name?: string; readonly in?: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
};
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

/** The names of the operations whose parameters or body hold a secret. */
const takingSecrets = ({ paths, components }: Document): string[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { parameters = [], requestBody }]) => {
      const bodies = Object.values(requestBody?.content ?? {}).map(({ schema }) => {
        const name = schema.$ref?.split('/').at(-1);
        return (name === undefined ? schema : components.schemas[name])?.properties ?? {};
      });
      const queries = parameters.filter((parameter) => parameter.in === 'query');
      const names = [...queries.map(({ name }) => name ?? ''), ...bodies.flatMap((members) => Object.keys(members))];
      return names.some((name) => secretMember.test(name)) ? [`${method.toUpperCase()} ${path}`] : [];
    }),
  );

const ownOperations = Object.entries(authOperations)
  .filter(([name, operation]) => !ofEveryRequest.has(name) && !('isPart' in operation))
  .map(([name]) => name);

const counted = (exposition: string): number =>
  ownOperations.reduce(
    (sum, operation) => sum + metric(exposition, 'volwatch_auth_duration_seconds_count', { operation }),
    0,
  );

/** What a run of all examples shows about each operation. */
const observe = async (t: ExecutionContext, databaseUrl: string) => {
  const requests: { readonly operation: string; readonly id: string; readonly policy: string }[] = [];
  const unmeasured: string[] = [];
  let document: Document | undefined;
  let before = 0;
  await recordAllExamples(
    t,
    { DATABASE_URL: databaseUrl, ...generousRateLimits },
    async (operation, { headers }, service) => {
      const policy = headers.get('ratelimit-policy') ?? '';
      requests.push({ operation, id: headers.get('x-request-id') ?? '', policy });
      const now = counted(await scrape(service));
      if (credentialRoutes.test(operation) && now <= before) unmeasured.push(operation);
      before = now;
      document ??= (await call(`${service.url}/openapi.json`)).body as unknown as Document;
      // So that the next example, the end of all sign-ins, ends one.
      if (operation === 'DELETE /api/v1/account/sessions/{id}')
        await call(`${service.url}/api/v1/auth/login`, json(user));
    },
  );
  return { requests, unmeasured, document: document! };
};

test('each change is audited, and each step of a credential is measured and limited', async (t) => {
  t.timeout(300_000);
  const database = await setupDatabase(t);
  const { requests, unmeasured, document } = await observe(t, database.url);
  t.deepEqual(unmeasured, [], 'measure the handler with `measure` of the auth room');

  const secrets = takingSecrets(document);
  t.true(secrets.length > 10);
  const unlimited = secrets.filter(
    (operation) => !requests.some((each) => each.operation === operation && each.policy.includes('"login"')),
  );
  t.deepEqual(
    unlimited.toSorted(),
    otherwiseLimited.map(([operation]) => operation).toSorted(),
    'declare `rateLimit: login`, or say above how guesses are limited',
  );
  const unlimitedCredentials = requests.filter(({ operation, policy }) => credentialRoutes.test(operation) && !policy);
  t.deepEqual(unlimitedCredentials, []);

  const changing = requests.filter(({ operation }) => !operation.startsWith('GET ') || changingReads.has(operation));
  t.true(changing.length > 40);
  const auditedIds = async (): Promise<ReadonlySet<unknown>> =>
    new Set((await database.query('select distinct request_id from audit_event')).map((row) => row['request_id']));
  const isExcused = (operation: string): boolean => unaudited.some(([pattern]) => pattern.test(operation));
  const missing = async (): Promise<string[]> => {
    const ids = await auditedIds();
    const audited = new Set(changing.filter(({ id }) => ids.has(id)).map(({ operation }) => operation));
    const all = new Set(changing.map(({ operation }) => operation));
    return [...all].filter((operation) => !audited.has(operation) && !isExcused(operation));
  };
  // A forgotten password is worked on after its answer.
  await eventually(async () => (await missing()).length === 0, 'all are audited', 5_000).catch(() => {});
  t.deepEqual(await missing(), [], 'record an audit event, or say above why there is none');

  const ids = await auditedIds();
  const needless = changing.filter(({ operation, id }) => isExcused(operation) && ids.has(id));
  t.deepEqual(needless, [], 'it has an event, so it needs no reason');
  for (const [pattern] of unaudited) {
    t.true(
      changing.some(({ operation }) => pattern.test(operation)),
      String(pattern),
    );
  }
});
