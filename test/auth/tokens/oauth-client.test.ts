import { createServer } from 'node:net';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import * as oauth from 'oauth4webapi';
import { setupDatabase } from '#testkit/database.ts';
import { call, serve } from '#testkit/running-service.ts';

const id = 'desk/1+a';
const secret = 'a+b/c%41 d%';
const insecure = { [oauth.allowInsecureRequests]: true } as const;

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
};

const start = async (t: ExecutionContext, environment: Record<string, string> = {}) => {
  const { url } = await setupDatabase(t);
  const service = await serve(
    t,
    { DATABASE_URL: url, BOOTSTRAP_CLIENT_ID: id, BOOTSTRAP_CLIENT_SECRET: secret, ...environment },
    { startTimeoutMs: 90_000 },
  );
  await service.ready();
  return service;
};

/** What an OAuth client library does: it finds the endpoints by the issuer, and refuses metadata of another issuer. */
const discover = async (issuer: string) => {
  const url = new URL(issuer);
  const answer = await oauth.discoveryRequest(url, { algorithm: 'oauth2', ...insecure });
  return oauth.processDiscoveryResponse(url, answer);
};

const tokenFrom = async (server: oauth.AuthorizationServer, authenticate: oauth.ClientAuth) => {
  const client = { client_id: id };
  const parameters = new URLSearchParams({ scope: 'ml:read' });
  const answer = await oauth.clientCredentialsGrantRequest(server, client, authenticate, parameters, insecure);
  return oauth.processClientCredentialsResponse(server, client, answer);
};

test.serial(
  'an OAuth client library finds the service by its listening address, gets a token and revokes it',
  async (t) => {
    const service = await start(t);
    const server = await discover(service.url);
    t.is(server.issuer, service.url);
    t.is(server.token_endpoint, `${service.url}/api/v1/auth/token`);
    for (const authenticate of [oauth.ClientSecretBasic(secret), oauth.ClientSecretPost(secret)]) {
      const { access_token: token } = await tokenFrom(server, authenticate);
      const me = () => call(`${service.url}/api/v1/auth/me`, { headers: { authorization: `Bearer ${token}` } });
      t.like((await me()).body, { subject: id, scopes: ['ml:read'] });
      const revoked = await oauth.revocationRequest(server, { client_id: id }, authenticate, token, insecure);
      t.is(await oauth.processRevocationResponse(revoked), undefined);
      t.is((await me()).body['code'], 'token_revoked');
    }

    const refused = await t.throwsAsync(tokenFrom(server, oauth.ClientSecretBasic('wrong')));
    t.true(refused instanceof oauth.WWWAuthenticateChallengeError || refused instanceof oauth.ResponseBodyError);
    const request = oauth.genericTokenEndpointRequest(
      server,
      { client_id: id },
      oauth.ClientSecretBasic(secret),
      'password',
      new URLSearchParams({ username: 'ada', password: 'x' }),
      insecure,
    );
    const unsupported = await t.throwsAsync(
      request.then((answer) => oauth.processGenericTokenEndpointResponse(server, { client_id: id }, answer)),
      { instanceOf: oauth.ResponseBodyError },
    );
    t.is(unsupported?.error, 'unsupported_grant_type');
    t.is(unsupported?.status, 400);
  },
);

test.serial(
  'the issuer is PUBLIC_URL and never the Host header; a resource server accepts the tokens by the metadata',
  async (t) => {
    const port = await freePort();
    const publicUrl = `http://localhost:${port}`;
    const service = await start(t, { PORT: String(port), PUBLIC_URL: `${publicUrl}/` });
    const { body } = await call(`${service.url}/.well-known/oauth-authorization-server`, {
      headers: { 'X-Forwarded-Host': 'evil.example', Forwarded: 'host=evil.example' },
    });
    t.is(body['issuer'], publicUrl);
    await t.throwsAsync(discover(service.url), undefined, 'a library refuses metadata of another issuer');

    const server = await discover(publicUrl);
    const { access_token: token } = await tokenFrom(server, oauth.ClientSecretBasic(secret));
    const request = new Request('http://api.example/', { headers: { authorization: `Bearer ${token}` } });
    const claims = await oauth.validateJwtAccessToken(server, request, 'volwatch-api', insecure);
    t.like(claims, { iss: publicUrl, sub: id, client_id: id });
  },
);
