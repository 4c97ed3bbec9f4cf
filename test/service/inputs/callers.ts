import type { TestDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, client, json, takeToken } from '#testkit/running-service.ts';
import type { Service } from '#testkit/service.ts';
import type { KnownValues } from './base-request.ts';
import type { DeclaredOperation } from './declared-inputs.ts';
import { baseRequests } from './base-request.ts';
import { hostileRequest } from './hostile-request.ts';
import type { Received, Send } from './send.ts';
import type { Document } from '../../http/fuzz/requests.ts';

const user = { email: 'inputs@example.org', password: 'hostile inputs 4711 umbrella' };
/** The first of the list of users: its role and state are changed by the requests of this test. */
const changedUser = { email: 'inputs-changed@example.org', password: 'hostile inputs 4714 umbrella' };
const administrator = { email: 'inputs-admin@example.org', password: 'hostile inputs 4713 umbrella' };

/** Values that the handlers accept. Names that are not here get a value of their schema. */
const known: KnownValues = {
  ...user,
  grant_type: 'client_credentials',
  client_id: client.id,
  client_secret: client.secret,
  token: 'no-token-of-this-service',
  current_password: 'not the current password',
  new_password: 'hostile inputs 4712 umbrella',
  symbol: 'AAPL',
  symbols: 'AAPL',
  code: 'TECH5_EW',
  universe: 'tech5',
  name: 'a name',
  scopes: ['ml:read'],
  url: 'https://example.com/hook',
  'If-Match': '*',
  time_zone: 'UTC',
  locale: 'en',
  currency: 'USD',
  role: 'user',
  disabled: false,
};

export type Caller = () => Promise<string>;

const ownUniverse = {
  name: 'inputs',
  title: 'Inputs',
  source: 'upload',
  interval: '1day',
  assets: [{ symbol: 'INPT', name: 'Inputs' }],
  indexes: [],
};

/** Path parameters whose name also is the name of another input: a universe, and a preset that is stored under its name. */
const knownInPath: KnownValues = { name: 'tech5' };

/** Values of one operation, where the general ones do not fit. */
const knownOfOperation: Readonly<Record<string, KnownValues>> = {
  'PUT /api/v1/universes/{name}': ownUniverse,
  'POST /api/v1/universes/{name}/prices': { name: ownUniverse.name },
  'PUT /api/v1/settings/presets/{name}': { name: knownInPath['name'], model: 'baw' },
  'GET /problems/{code}': { code: 'validation_failed' },
};

/**
 * The bootstrap client, a user, and an administrator, who holds the scopes that the client lacks. Each gets a new token
 * per operation, because some operations end tokens.
 */
export const createCallers = async (service: Service, database: TestDatabase): Promise<readonly Caller[]> => {
  const auth = `${service.url}/api/v1/auth`;
  const createUser = async (credentials: typeof user, role: string): Promise<Caller> => {
    await call(`${auth}/register`, json(credentials));
    const take: Caller = async () => String((await call(`${auth}/login`, json(credentials))).body['access_token']);
    await eventually(async () => (await take()) !== 'undefined', 'the user is registered', 20_000);
    // As if the user had confirmed the address, because a second factor needs that.
    await database.query('update user_account set role = $1, email_verified_at = now() where email = $2', [
      role,
      credentials.email,
    ]);
    return take;
  };
  await createUser(changedUser, 'user');
  const asAdministrator = await createUser(administrator, 'admin');
  const { name, ...universe } = ownUniverse;
  const headers = { Authorization: `Bearer ${await asAdministrator()}`, 'If-None-Match': '*' };
  const created = await call(`${service.url}/api/v1/universes/${name}`, { ...json(universe, headers), method: 'PUT' });
  if (created.status !== 201) throw new Error(created.text);
  const asUser = await createUser(user, 'user');
  const put = { ...json({ model: 'baw' }, { Authorization: `Bearer ${await asUser()}` }), method: 'PUT' };
  await call(`${service.url}/api/v1/settings/presets/${String(knownInPath['name'])}`, put);
  return [() => takeToken(service), asUser, asAdministrator];
};

type Parts = { readonly document: Document; readonly send: Send; readonly callers: readonly Caller[] };
type Answerable = { readonly caller: Caller; readonly known: KnownValues; readonly received: Received };

const itemOf = (text: string): Record<string, unknown> => {
  const body = JSON.parse(text || '{}') as { data?: readonly Record<string, unknown>[] } & Record<string, unknown>;
  return body.data?.[0] ?? body;
};

/**
 * Values of the path parameters of an operation: the first item of the list above it, or a new one. Without them, each
 * request would end with 404 before it reaches what reads the other inputs.
 */
const withItem = async (
  { path, method }: DeclaredOperation,
  caller: Caller,
  operations: readonly DeclaredOperation[],
  { document, send }: Parts,
): Promise<KnownValues> => {
  const own = knownOfOperation[`${method} ${path}`];
  if (own !== undefined) return { ...known, ...own };
  const [parent = '', name = ''] = path.split(/\/\{(\w+)\}/);
  if (name in knownInPath) return { ...known, [name]: knownInPath[name] };
  if (name === '' || name in known) return known;
  const Authorization = `Bearer ${await caller()}`;
  for (const method of ['GET', 'POST']) {
    const list = operations.find((each) => each.path === parent && each.method === method);
    if (list === undefined) continue;
    const [base] = baseRequests(list, document, known);
    const { target, headers, body } = hostileRequest(parent, base);
    const { status, text } = await send(method, { target, headers: { ...headers, Authorization }, body });
    const value = status < 300 ? itemOf(text)[name] : undefined;
    if (value !== undefined) return { ...known, [name]: value, number: 1 };
  }
  return { ...known, number: 1 };
};

export const authorizationFor = async ({ operation }: DeclaredOperation, caller: Caller) =>
  operation.security.length > 0 ? { Authorization: `Bearer ${await caller()}` } : {};

/** A refusal of the input is nearer to a good answer than a refusal of the caller. */
const distanceFromGood = ({ received: { status } }: Answerable): number =>
  status < 300 ? 0 : [401, 403, 404, 429].includes(status) ? 2 : 1;

/** Finds the caller whose good request is answered best. */
export const answerable = async (
  operation: DeclaredOperation,
  operations: readonly DeclaredOperation[],
  parts: Parts,
): Promise<Answerable> => {
  const tried: Answerable[] = [];
  for (const caller of operation.operation.security.length === 0 ? parts.callers.slice(0, 1) : parts.callers) {
    const values = await withItem(operation, caller, operations, parts);
    const [base] = baseRequests(operation, parts.document, values);
    const { target, headers, body } = hostileRequest(operation.path, base);
    const received = await parts.send(operation.method, {
      target,
      headers: { ...headers, ...(await authorizationFor(operation, caller)) },
      body,
    });
    tried.push({ caller, known: values, received });
  }
  return tried.reduce((best, each) => (distanceFromGood(each) < distanceFromGood(best) ? each : best));
};
