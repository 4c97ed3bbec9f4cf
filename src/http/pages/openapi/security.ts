import { scopes, type Scope } from '#src/kernel/requests/principal.ts';
import type { AuthPolicy } from '#src/kernel/requests/route.ts';
import type { Json } from './json.ts';

/** What each scope opens, for OpenAPI and docs/roles.md. */
export const scopeTexts: Readonly<Record<Scope, string>> = {
  'market:refresh': 'Start refreshes and read their records, register webhooks',
  'market:manage': 'Create, change and delete universes, upload prices',
  'ml:read': 'Forecast volatilities',
  'audit:read': 'Read the audit trail',
  'users:admin':
    'List users, change their role, scopes and state, end their sessions. It includes all others, because its holder can grant them',
};

export const securitySchemesOf = (basePath: string): Json => ({
  // The dialog of the documentation puts the focus on the last API key. So OAuth 2 is below it, and in sight.
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-session',
    description:
      'Session of a browser. Requests that change something also need the header `X-CSRF-Token` with the `csrf_token` of the login.',
  },
  bearer: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: `Access token of a user, from \`POST ${basePath}/auth/login\`, or of a client.`,
  },
  apiKey: {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
    description: `API key of a user or client, from \`POST ${basePath}/api-keys\`.`,
  },
  oauth2: {
    type: 'oauth2',
    description: 'Access token of a client. The scopes of the token are at most those of the client.',
    flows: {
      clientCredentials: {
        tokenUrl: `${basePath}/auth/token`,
        scopes: Object.fromEntries(scopes.map((scope) => [scope, scopeTexts[scope]])),
      },
    },
  },
});

/** Each item is one way to authenticate. An empty item means that the route needs no credentials. */
export const securityOf = (auth: AuthPolicy): Json[] => {
  if (auth === 'public') return [];
  const needed = typeof auth === 'object' ? [auth.scope] : [];
  const ways = ['oauth2', 'bearer', 'apiKey', 'session'].map((name) => ({ [name]: name === 'oauth2' ? needed : [] }));
  return auth === 'optional' ? [{}, ...ways] : ways;
};
