import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { call, json, serve, takeToken } from '#testkit/running-service.ts';

type Operation = {
  readonly parameters?: readonly { readonly name?: string }[];
  readonly responses?: Readonly<Record<string, unknown>>;
};
type Document = { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };

/** GET routes that answer with neither a resource nor a list, each with the reason. */
const withoutBoth: Readonly<Record<string, string>> = {
  '/': 'links for programs, and a redirect to the documentation for browsers',
  '/health/live': 'a state of this moment, which no cache may keep',
  '/health/serving': 'a state of this moment, which no cache may keep',
  '/health/ready': 'a state of this moment, which no cache may keep',
  '/health': 'a state of this moment, which no cache may keep',
  '/api/v1/auth/me': 'it can contain a CSRF token, so no cache may keep it',
  '/api/v1/account/export': 'a personal document for one download, which is never the same twice',
  '/api/v1/calendar/connect': 'a redirect',
  '/api/v1/calendar/callback': 'a redirect',
};
/** GET routes whose answer has no members to choose from. */
const withoutFields: Readonly<Record<string, string>> = {
  '/.well-known/jwks.json': 'a document of RFC 7517',
  '/.well-known/oauth-authorization-server': 'a document of RFC 8414',
  '/api/v1/pricing/jobs/{id}/chunks/{number}': 'a stream of Arrow',
};
const isPage = (path: string): boolean => /^\/(docs|problems)/.test(path);

test('each GET route of a resource or list has the parameter fields and is answered with 304', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url });
  const { body } = await call(`${service.url}/openapi.json`);
  const gets = Object.entries((body as unknown as Document).paths).flatMap(([path, { get }]) =>
    get ? [{ path, get }] : [],
  );
  t.true(gets.length > 25);
  for (const { path, get } of gets) {
    const cached = get.responses?.['304'] !== undefined;
    const partial = (get.parameters ?? []).some(({ name }) => name === 'fields');
    t.is(cached, withoutBoth[path] === undefined, `${path}: 304`);
    t.is(
      partial,
      withoutBoth[path] === undefined && withoutFields[path] === undefined && !isPage(path),
      `${path}: fields`,
    );
  }
  const paths = new Set(gets.map(({ path }) => path));
  for (const path of Object.keys({ ...withoutBoth, ...withoutFields })) t.true(paths.has(path), `${path} is gone`);

  await service.logged(({ message }) => message === 'started');
  const headers = { Authorization: `Bearer ${await takeToken(service)}` };
  const job = await call(`${service.url}/api/v1/pricing/jobs`, json({}, headers));
  const partial: readonly (readonly [path: string, fields: string, expected: object])[] = [
    ['/assets/AAPL', 'symbol', { symbol: 'AAPL' }],
    ['/indexes/TECH5_EW', 'code', { code: 'TECH5_EW' }],
    ['/indexes/TECH5_EW/explain', 'code,method', { code: 'TECH5_EW', method: 'equal_weighted' }],
    ['/universes/tech5', 'name,version', { name: 'tech5', version: 1 }],
    ['/universes/tech5/status', 'universe', { universe: 'tech5' }],
    [`/pricing/jobs/${String(job.body['id'])}`, 'status', { status: 'open' }],
  ];
  for (const [path, fields, expected] of partial) {
    const url = `${service.url}/api/v1${path}`;
    const answer = await call(`${url}?fields=${fields}`, { headers });
    t.is(answer.status, 200, answer.text);
    t.deepEqual(answer.body, expected, path);
    const etag = answer.headers.get('etag') ?? '';
    const again = await call(`${url}?fields=${fields}`, { headers: { ...headers, 'If-None-Match': etag } });
    t.is(again.status, 304, path);
    t.is((await call(`${url}?fields=nothing`, { headers })).status, 422, path);
  }
  const models = await call(`${service.url}/api/v1/pricing/models?fields=model`);
  const rows = models.body['models'] as readonly object[];
  t.true(rows.length > 3);
  for (const row of rows) t.deepEqual(Object.keys(row), ['model']);
});
