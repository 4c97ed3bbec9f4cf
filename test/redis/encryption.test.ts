import test, { type ExecutionContext } from 'ava';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, metric, scrape, serve } from '#testkit/running-service.ts';
import { setupDatabase } from '#testkit/database.ts';
import { makeCertificate, type ServerCertificate } from '#testkit/servers/tls/certificates.ts';
import { startRedisServer } from '#testkit/servers/redis-server.ts';

/** A server that takes encrypted connections at `url`, and plain ones of the test at another port. */
const startEncrypted = async (t: ExecutionContext, { certFile, keyFile }: ServerCertificate) => {
  const port = await freePort();
  const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', certFile];
  const server = await startRedisServer(t, ['--tls-port', String(port), '--tls-auth-clients', 'no', ...files]);
  return { server, url: `rediss://127.0.0.1:${port}` };
};

const redisHealth = async (url: string): Promise<Record<string, string>> => {
  const { body } = await call(`${url}/health`);
  return (body['dependencies'] as Record<string, Record<string, string>>)['redis'] ?? {};
};

test('rediss:// encrypts and trusts the authority of NODE_EXTRA_CA_CERTS', async (t) => {
  const certificate = makeCertificate(t);
  const [{ url, server }, database] = await Promise.all([startEncrypted(t, certificate), setupDatabase(t)]);
  const service = await serve(t, {
    DATABASE_URL: database.url,
    REDIS_URL: url,
    REDIS_COMMAND_TIMEOUT_MS: '1000',
    RATE_LIMIT_ENABLED: 'true',
    NODE_EXTRA_CA_CERTS: certificate.certFile,
  });
  await eventually(async () => (await redisHealth(service.url))['status'] === 'up', 'redis is up');
  t.is((await call(`${service.url}/api/v1/pricing/models`)).status, 200);
  t.true(metric(await scrape(service), 'volwatch_rate_limit_decisions_total', { backend: 'redis' }) > 0);
  t.true((await server.admin.keys('volwatch:rate-limit:ip:*')).length > 0);
});

test('rediss:// refuses a certificate that no authority has signed, and health names the reason', async (t) => {
  const [{ url, server }, database] = await Promise.all([startEncrypted(t, makeCertificate(t)), setupDatabase(t)]);
  const service = await serve(t, { DATABASE_URL: database.url, REDIS_URL: url, RATE_LIMIT_ENABLED: 'true' });
  await eventually(
    async () => /CERT/.test((await redisHealth(service.url))['detail'] ?? ''),
    'health names the reason',
  );
  t.like(await redisHealth(service.url), {
    status: 'down',
    detail: 'not connected (DEPTH_ZERO_SELF_SIGNED_CERT): limits and caches use the memory of the process',
  });
  t.is((await call(`${service.url}/api/v1/pricing/models`)).status, 200);
  t.deepEqual(await server.admin.keys('*'), []);
});
