import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { scrape, type Scrape } from '#load/chaos/scrape.ts';
import type { Scope } from '#testkit/scope.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { startGoogleServer, type GoogleServer } from '#testkit/servers/google-server.ts';
import { startRedisServer } from '#testkit/servers/redis-server.ts';
import { startService, type Service } from '#testkit/service.ts';
import { startTemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';
import { createPeople, type People } from './people.ts';

export type World = {
  readonly url: string;
  readonly port: number;
  /** The service process that runs now. */
  readonly service: () => Service;
  readonly people: People;
  readonly google: GoogleServer;
  readonly sql: (text: string, parameters?: readonly unknown[]) => Promise<Record<string, unknown>[]>;
  /** Undefined if the admin port does not answer. */
  readonly metrics: () => Promise<Scrape | undefined>;
  readonly isAlive: () => boolean;
  /**
   * Restarts the service on the same ports and data if it has ended or does not answer. Returns whether it restarted.
   */
  readonly revive: () => Promise<boolean>;
};

/**
 * The limit that Node gives itself in a container with 2 GB of memory, which the attacks must leave alive. Compose file and
 * chart give the service that much. See docs/decisions/0274.
 */
const heapLimit = '--max-old-space-size=1024';

/** Google with one calendar that is nearly as large as the default limits let: 16,000 events with long texts. */
const startLargeGoogle = async (scope: Scope): Promise<GoogleServer> => {
  const google = await startGoogleServer(scope);
  google.pageSize = 500;
  const start = { dateTime: '2027-03-01T09:00:00Z' };
  const end = { dateTime: '2027-03-01T10:00:00Z' };
  for (let number = 0; number < 16_000; number += 1) {
    const summary = randomBytes(225).toString('hex');
    google.put({ id: `event${number}`, summary, location: summary, start, end, updated: '2026-11-26T08:00:00.000Z' });
  }
  return google;
};

const statement =
  (url: string): World['sql'] =>
  async (text, parameters = []) => {
    const client = new Client({ connectionString: url });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text, [...parameters])).rows;
    } finally {
      await client.end();
    }
  };

/**
 * Starts the service in production mode with its default limits. This process acts as the proxy in front of it.
 * @param changes environment variables that differ from the defaults
 */
export const startWorld = async (scope: Scope, changes: Readonly<Record<string, string>> = {}): Promise<World> => {
  const postgres = await startTemporaryPostgres(scope, { name: 'attack' });
  const redis = await startRedisServer(scope);
  const google = await startLargeGoogle(scope);
  const [port, adminPort] = [await freePort(), await freePort()];
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const environment = {
    NODE_ENV: 'production',
    PORT: String(port),
    METRICS_PORT: String(adminPort),
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    JWT_PRIVATE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    TRUSTED_PROXIES: '127.0.0.1',
    // No server listens there: messages wait, and that must delay no request.
    SMTP_URL: 'smtp://127.0.0.1:9',
    MAIL_FROM: 'volwatch@example.com',
    RATE_LIMIT_ENABLED: undefined,
    ...google.environment,
    TOKEN_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    ...changes,
  };
  let service: Service;
  const start = async (): Promise<void> => {
    service = await startService({ environment, nodeArguments: [heapLimit], startTimeoutMs: 120_000 });
    await service.ready();
  };
  await start();
  scope.teardown(() => service.stop(5_000));
  const url = `http://127.0.0.1:${port}`;
  const isAlive = (): boolean => service.process.exitCode === null && service.process.signalCode === null;
  const metrics: World['metrics'] = async () => {
    for (let attempt = 0; attempt < 5 && isAlive(); attempt += 1) {
      const found = await scrape(`http://127.0.0.1:${adminPort}`).catch(() => undefined);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    url,
    port,
    service: () => service,
    google,
    people: createPeople(`${url}/api/v1`),
    sql: statement(postgres.url),
    metrics,
    isAlive,
    revive: async () => {
      if (isAlive() && (await metrics()) !== undefined) return false;
      service.process.kill('SIGKILL');
      await service.exited;
      await start();
      return true;
    },
  };
};
