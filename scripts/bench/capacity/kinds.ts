import type { Request } from 'autocannon';
import { newUser } from '#testkit/accounts/new-user.ts';
import { client, option, tokenRequest } from '#testkit/running-service.ts';
import type { Service } from '#testkit/service.ts';
import { batchLoads } from '../http/bodies.ts';

/** A kind of request whose cost is measured alone. */
export type Kind = { readonly name: string; readonly request: Request; readonly connections?: number };

const jsonType = { 'content-type': 'application/json' };
const api = '/api/v1';

/** Registers a user. @returns what the kinds of a signed-in caller need */
const makeUser = async ({ url }: Service): Promise<{ readonly credentials: object; readonly token: string }> => {
  const { credentials, login } = await newUser(`${url}${api}`, 'capacity');
  return { credentials, token: String(login.body['access_token']) };
};

const batch = (rows: number, format: 'objects' | 'columns' | 'arrow'): Request => {
  const { path, type, body } = batchLoads(rows)[format];
  return { method: 'POST', path, headers: { 'content-type': type, accept: type }, body };
};

export const kindsOf = async (service: Service): Promise<readonly Kind[]> => {
  const { credentials, token } = await makeUser(service);
  const authorization = `Bearer ${token}`;
  const post = (path: string, body: unknown): Request => ({
    method: 'POST',
    path: `${api}${path}`,
    headers: jsonType,
    body: JSON.stringify(body),
  });
  return [
    { name: 'one price', request: post('/pricing/price', option) },
    { name: 'batch of 1,000, objects', request: batch(1_000, 'objects') },
    { name: 'batch of 1,000, columns', request: batch(1_000, 'columns') },
    { name: 'batch of 100,000, Arrow', request: batch(100_000, 'arrow'), connections: 2 },
    { name: 'read from the cache', request: { method: 'GET', path: `${api}/assets/AAPL` } },
    {
      name: 'read of 100 values from PostgreSQL',
      request: {
        method: 'GET',
        path: `${api}/indexes/TECH5_EW/values?limit=100`,
        headers: { 'cache-control': 'no-cache' },
      },
    },
    {
      name: 'read of the own profile with a token',
      request: { method: 'GET', path: `${api}/profile`, headers: { authorization } },
    },
    {
      name: 'change of the own settings',
      // Each answer has a new version, so each change is a write.
      request: {
        method: 'PATCH',
        path: `${api}/settings`,
        headers: { ...jsonType, authorization, 'if-match': '*' },
        setupRequest: (request) => ({
          ...request,
          body: JSON.stringify({ decimal_places: Math.floor(Math.random() * 7) }),
        }),
      },
      connections: 1,
    },
    { name: 'sign-in with a password', request: post('/auth/login', credentials), connections: 4 },
    {
      name: 'token of a client',
      request: {
        method: 'POST',
        path: `${api}/auth/token`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: String(tokenRequest(client.secret).body as URLSearchParams),
      },
    },
  ];
};
