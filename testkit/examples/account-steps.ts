import { client } from '../running-service.ts';
import type { Caller, MakeStep } from './step.ts';
import { signInSteps } from './user-steps.ts';

const api = '/api/v1';
export const user = { email: 'ada@example.org', password: 'analytical engine 1843' };
const few = { limit: '2' };
const simple = (operation: string, name: string, summary: string, more: object = {}): MakeStep => {
  const [method, path] = operation.split(' ');
  return () => ({
    operation: `${method} ${path!.startsWith('/.') || path!.startsWith('/problems') ? path : api + path}`,
    name,
    summary,
    ...more,
  });
};
const as = (caller: Caller) => ({ caller });
const own = (path: string, name: string, summary: string, more: object = {}): MakeStep => {
  const [method, route] = path.split(' ');
  return (values) => ({
    operation: `${method} ${api}${route}`,
    name,
    summary,
    caller: 'client',
    path: { id: values[route!.split('/')[1]!] ?? '' },
    ...more,
  });
};

export const accountSteps: readonly MakeStep[] = [
  simple('POST /auth/token', 'client_credentials', 'A token for a client', {
    form: { grant_type: 'client_credentials', client_id: client.id, client_secret: client.secret },
    keep: ({ access_token: token }: Record<string, unknown>) => ({ client: String(token) }),
  }),
  simple('POST /auth/register', 'user', 'Create an account', { body: user, status: 202 }),
  simple('POST /auth/login', 'session', 'Open a session', { body: { ...user, session: true }, eventually: true }),
  simple('POST /auth/login', 'tokens', 'Tokens of a user', {
    body: user,
    keep: (body: Record<string, unknown>) => ({
      user: String(body['access_token']),
      refresh_token: String(body['refresh_token']),
    }),
  }),
  simple('GET /auth/me', 'user', 'Who the caller is', as('user')),
  simple('GET /profile', 'new', 'The profile of a new user', as('user')),
  simple('PATCH /profile', 'name', 'Set the name', {
    ...as('user'),
    headers: { 'If-Match': '"0"' },
    body: { display_name: 'Ada', time_zone: 'Europe/London' },
  }),
  simple('GET /settings', 'new', 'The settings of a new user', as('user')),
  simple('PATCH /settings', 'theme', 'Set the theme', {
    ...as('user'),
    headers: { 'If-Match': '*' },
    body: { theme: 'dark' },
  }),
  simple('PUT /settings/presets/{name}', 'store', 'Store a preset', {
    ...as('user'),
    path: { name: 'quick' },
    body: { model: 'andersen_lake', precision: 'fast' },
    status: 201,
  }),
  simple('GET /settings/presets', 'page', 'The presets of the caller', { ...as('user'), query: few }),
  simple('GET /settings/presets/{name}', 'one', 'One preset', { ...as('user'), path: { name: 'quick' } }),
  simple('DELETE /settings/presets/{name}', 'remove', 'Remove a preset', {
    ...as('user'),
    path: { name: 'quick' },
    status: 204,
  }),
  ...signInSteps(user),
  simple('POST /api-keys', 'create', 'Create a key', {
    ...as('client'),
    body: { name: 'nightly report', scopes: ['ml:read'], expires_in_days: 90 },
    status: 201,
    keep: ({ id }: Record<string, unknown>) => ({ 'api-keys': String(id) }),
  }),
  simple('GET /api-keys', 'page', 'The keys of the caller', { ...as('client'), query: few }),
  own('PATCH /api-keys/{id}', 'rename', 'Rename a key', { body: { name: 'monthly report' } }),
  own('POST /api-keys/{id}/rotate', 'rotate', 'Replace a key', { query: { overlap_hours: '24' }, status: 201 }),
  own('DELETE /api-keys/{id}', 'revoke', 'Revoke a key', { status: 204 }),
  simple('POST /webhooks', 'refreshes', 'Be told of ended refreshes', {
    ...as('client'),
    body: { url: 'https://example.com/hook', events: ['refresh.succeeded', 'refresh.failed'] },
    status: 201,
    keep: ({ id }: Record<string, unknown>) => ({ webhooks: String(id) }),
  }),
  simple('GET /webhooks', 'page', 'The webhooks of the caller', { ...as('client'), query: few }),
  own('GET /webhooks/{id}', 'one', 'One webhook'),
  own('POST /webhooks/{id}/test', 'test', 'Send a test event', { status: 202 }),
  own('GET /webhooks/{id}/deliveries', 'page', 'The deliveries', { query: { limit: '1' } }),
  own('POST /webhooks/{id}/rotate', 'rotate', 'A new secret'),
  own('DELETE /webhooks/{id}', 'delete', 'Delete a webhook', { status: 204 }),
  simple('GET /audit/events', 'page', 'The first refresh that succeeded', {
    ...as('client'),
    query: { limit: '1', action: 'refresh.succeeded' },
  }),
  simple('GET /.well-known/jwks.json', 'keys', 'The public keys'),
  simple('GET /.well-known/oauth-authorization-server', 'metadata', 'The metadata'),
  simple('GET /problems', 'all', 'All codes as a page'),
  simple('GET /problems/{code}', 'one', 'One code as a page', { path: { code: 'validation_failed' } }),
  simple('POST /auth/logout', 'user', 'End the token of a user', { ...as('user'), status: 204 }),
  (values) => ({
    operation: `POST ${api}/auth/revoke`,
    name: 'refresh_token',
    summary: 'Revoke a refresh token',
    form: { token: values['refresh_token'] ?? '' },
  }),
];
