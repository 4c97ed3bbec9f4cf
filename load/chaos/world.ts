import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGoogleServer, type GoogleServer } from '#testkit/servers/google-server.ts';
import { startSmtpServer, type SmtpTestServer } from '#testkit/servers/smtp-server.ts';
import { startOtlpReceiver, type OtlpReceiver } from '#testkit/servers/otlp-receiver.ts';
import { startRedisServer, type RedisServer } from '#testkit/servers/redis-server.ts';
import { startTiingoServer, tiingoKey, type TiingoServer } from '#testkit/servers/providers/tiingo-server.ts';
import { apiKey, startTwelveDataServer, type TwelveDataServer } from '#testkit/servers/providers/twelve-data-server.ts';
import { barsOf, symbols } from './generations.ts';
import { partsBars, partsSymbols } from './parts-state.ts';
import type { Scope } from '#testkit/scope.ts';
import { startToxiproxy, type FaultyLink } from './toxiproxy.ts';
import { startInstances, type Instances } from './world/instances.ts';
import { startPostgresTopology, through, type PostgresTopology } from './world/postgres-topology.ts';
import { startRedisTopology, type RedisTopology } from './world/redis-topology.ts';
import { createRotations, type Rotations } from './world/rotations.ts';
import type { Topology } from './world/topology.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';

export type World = Omit<Instances, 'setting'> & {
  readonly links: Readonly<
    Record<'postgres' | 'replica' | 'redis' | 'twelveData' | 'tiingo' | 'collector', FaultyLink>
  >;
  /** The server of the usual world. */
  readonly redis: RedisServer;
  /** The servers of the worlds with another topology. */
  readonly cluster?: RedisTopology['cluster'];
  readonly sentinel?: RedisTopology['sentinel'];
  /** In a world with PgBouncer. */
  readonly pooler?: PostgresTopology['pooler'];
  readonly killPrimary: PostgresTopology['killPrimary'];
  readonly failOver: PostgresTopology['failOver'];
  readonly rotations: Rotations;
  readonly twelveData: TwelveDataServer;
  readonly tiingo: TiingoServer;
  readonly google: GoogleServer;
  readonly smtp: SmtpTestServer;
  /** Connects a calendar with three events to the client of the probes, also if it is connected. */
  readonly connectCalendar: () => Promise<void>;
  readonly spans: OtlpReceiver;
  /** Direct address of the primary, without a proxy. It changes with a failover. */
  readonly databaseUrl: string;
  readonly replicaUrl: string;
  /** The client of the probes and of the load. */
  readonly client: { readonly id: string; readonly secret: string };
  readonly url: string;
  readonly adminUrl: string;
  /** Changes the prices of the provider to a new generation and returns its number. */
  readonly nextGeneration: () => number;
  /** Changes the prices of the universe that is fetched in parts. */
  readonly nextParts: () => void;
  /** Returns an access token that stays valid for the whole run. */
  readonly token: () => Promise<string>;
  readonly setFault: (point: string, fault: Readonly<Record<string, unknown>>) => Promise<void>;
  readonly clearFault: (point: string) => Promise<void>;
};

export type WorldOptions = {
  readonly settings?: Readonly<Record<string, string>>;
  readonly durable?: boolean;
};

const eventStart = { dateTime: '2027-03-01T09:00:00Z' };

/**
 * Starts the service as in production, with fault points enabled. Every dependency is real and has a proxy that can
 * break the connection.
 * @param options what differs from the matrix: variables of the service, and PostgreSQL as in production
 */
export const startWorld = async (
  scope: Scope,
  topology: Topology = 'server',
  { settings = {}, durable = false }: WorldOptions = {},
): Promise<World> => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-chaos-'));
  chmodSync(directory, 0o711);
  scope.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const { environment: extra, ...redisServers } = await startRedisTopology(scope, topology);
  const [redis, twelveData, tiingo, google, smtp, spans, toxiproxy] = await Promise.all([
    startRedisServer(scope),
    startTwelveDataServer(scope),
    startTiingoServer(scope),
    startGoogleServer(scope),
    startSmtpServer(scope),
    startOtlpReceiver(scope),
    startToxiproxy(scope),
  ]);
  const addLink = (name: string, address: string): Promise<FaultyLink> =>
    toxiproxy.addLink(name, new URL(address).host);
  const postgres = await startPostgresTopology(scope, toxiproxy, topology, durable);
  const { replicaUrl } = postgres;
  const links = {
    postgres: postgres.link,
    replica: await addLink('replica', replicaUrl),
    redis: await addLink('redis', redis.url),
    twelveData: await addLink('twelve-data', twelveData.url),
    tiingo: await addLink('tiingo', tiingo.url),
    collector: await addLink('collector', spans.url),
  };
  let generation = 0;
  const nextGeneration = (): number => {
    generation += 1;
    for (const [index, symbol] of symbols.entries()) twelveData.bars.set(symbol, barsOf(index, generation));
    return generation;
  };
  nextGeneration();
  let partsGeneration = 0;
  const nextParts = (): void => {
    partsGeneration += 1;
    for (const symbol of partsSymbols) tiingo.bars.set(symbol, partsBars(symbol, partsGeneration));
  };
  nextParts();

  const [port, adminPort] = [await freePort(), await freePort()];
  const client = { id: 'chaos', secret: randomBytes(24).toString('hex') };
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const environment = {
    NODE_ENV: 'development',
    PORT: String(port),
    METRICS_PORT: String(adminPort),
    VOLWATCH_DIRECTORY: directory,
    JWT_PRIVATE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ACCESS_TOKEN_EXPIRE_MINUTES: '1440',
    BOOTSTRAP_CLIENT_ID: client.id,
    BOOTSTRAP_CLIENT_SECRET: client.secret,
    ...postgres.environment,
    DATABASE_REPLICA_URLS: through(replicaUrl, links.replica),
    DATABASE_REPLICA_MAX_LAG_MS: '2000',
    DATABASE_ACQUIRE_TIMEOUT_MS: '500',
    DATABASE_STATEMENT_TIMEOUT_MS: '1500',
    REDIS_URL: through(redis.url, links.redis),
    MARKET_DATA_PROVIDER: 'twelve_data',
    TWELVE_DATA_API_KEY: apiKey,
    TWELVE_DATA_BASE_URL: through(twelveData.url, links.twelveData).replace(/\/$/, ''),
    TWELVE_DATA_CREDITS_PER_MINUTE: '100000',
    TIINGO_API_KEY: tiingoKey,
    TIINGO_BASE_URL: through(tiingo.url, links.tiingo).replace(/\/$/, ''),
    TIINGO_REQUESTS_PER_HOUR: '100000',
    ...google.environment,
    SMTP_URL: smtp.url,
    MAIL_FROM: 'volwatch@example.org',
    SMTP_TIMEOUT_MS: '1000',
    MAIL_RETRY_DELAY_SECONDS: '1',
    MAIL_PER_RECIPIENT_PER_HOUR: '1000',
    MAIL_PER_ACCOUNT_PER_HOUR: '1000',
    MAIL_PER_NETWORK_PER_HOUR: '1000000',
    RATE_LIMIT_LOGIN_PER_MINUTE: '1000000',
    PROVIDER_TIMEOUT_MS: '2000',
    BREAKER_RESET_MS: '2000',
    // The limits are too high to refuse a request. The limiter stays enabled because its use of Redis is part of the
    // test.
    RATE_LIMIT_ENABLED: 'true',
    RATE_LIMIT_IP_PER_MINUTE: '1000000',
    RATE_LIMIT_CLIENT_PER_MINUTE: '1000000',
    RATE_LIMIT_CALENDAR_SYNCS: '1000000',
    RATE_LIMIT_CALENDAR_SYNCS_PER_ADDRESS: '1000000',
    // All programs of the test share this machine and can delay the event loop. With the default limit, such a delay
    // would count as a fault.
    LOAD_LAG_MS: '1500',
    // All requests come from one address in this test.
    CALLER_SHARE_PERCENT: '100',
    PRICING_WORKERS: '1',
    PRICING_QUEUE_LIMIT: '4',
    PRICING_STALL_MS: '4000',
    FAULT_INJECTION: 'true',
    OTEL_EXPORTER_OTLP_ENDPOINT: through(spans.url, links.collector).replace(/\/$/, ''),
    ...extra,
    ...settings,
  };
  const { setting, ...instances } = await startInstances(scope, environment);
  const [url, adminUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${adminPort}`];

  const fault = async (method: string, point: string, body?: object): Promise<void> => {
    const response = await fetch(`${adminUrl}/faults/${point}`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${point}: ${text}`);
  };
  let token: string | undefined;
  const takeToken = async (): Promise<string> => {
    if (token === undefined) {
      const form = new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: client.id,
        client_secret: client.secret,
      });
      const response = await fetch(`${url}/api/v1/auth/token`, { method: 'POST', body: form });
      token = ((await response.json()) as { access_token: string }).access_token;
    }
    return token;
  };
  const connectCalendar = async (): Promise<void> => {
    const headers = { authorization: `Bearer ${await takeToken()}` };
    for (const id of ['one', 'two', 'three']) google.put({ id, start: eventStart, end: eventStart });
    const asked = await fetch(`${url}/api/v1/calendar/connect`, { headers, redirect: 'manual' });
    const answer = await fetch(google.consent(asked.headers.get('location') ?? ''), { headers });
    if (!answer.ok) throw new Error(`The calendar was not connected: ${await answer.text()}`);
  };
  return {
    links,
    redis,
    ...redisServers,
    ...instances,
    ...(postgres.pooler && { pooler: postgres.pooler }),
    killPrimary: postgres.killPrimary,
    failOver: postgres.failOver,
    rotations: createRotations({ ...instances, setting, google, databaseUrl: postgres.primaryUrl }),
    twelveData,
    tiingo,
    spans,
    get databaseUrl() {
      return postgres.primaryUrl();
    },
    replicaUrl,
    client,
    url,
    adminUrl,
    nextGeneration,
    nextParts,
    token: takeToken,
    google,
    smtp,
    connectCalendar,
    setFault: (point, body) => fault('PUT', point, body),
    clearFault: (point) => fault('DELETE', point),
  };
};
