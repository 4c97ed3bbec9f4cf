import { eventually } from './eventually.ts';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { TestDatabase } from './database.ts';
import { rsaKeyPem } from './rsa-keys.ts';
import { startService, type Service, type ServiceOptions } from './service.ts';
import { createTcpProxy, type TcpProxy } from './servers/tcp-proxy.ts';

/** Also fits the context of `test.before`. */
export type Teardown = Pick<ExecutionContext, 'teardown'>;

export const client = { id: 'desk', secret: 'canary-client-secret-5d1f' };
export const privateKeyPem = rsaKeyPem('service');

/** A directory that the account of the embedded server can enter; removed on teardown. */
export const temporaryDirectory = (t: Teardown): string => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-service-'));
  chmodSync(directory, 0o711);
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
};

/** Settings of each service in tests: a signing key, a client, fault injection, and no drain time to wait for. */
export const settings = {
  JWT_PRIVATE_KEY: privateKeyPem,
  BOOTSTRAP_CLIENT_ID: client.id,
  BOOTSTRAP_CLIENT_SECRET: client.secret,
  FAULT_INJECTION: 'true',
  SHUTDOWN_DRAIN_MS: '0',
  SHUTDOWN_REFRESH_GRACE_MS: '0',
  DATABASE_ACQUIRE_TIMEOUT_MS: '300',
};

/** Starts a service with `settings`, over which `environment` is laid; it is stopped on teardown. */
export const serve = async (
  t: Teardown,
  environment: ServiceOptions['environment'] = {},
  options: Omit<ServiceOptions, 'environment'> = {},
): Promise<Service> => {
  const service = await startService({
    ...options,
    environment: { ...settings, VOLWATCH_DIRECTORY: temporaryDirectory(t), ...environment },
  });
  t.teardown(() => service.stop(5_000));
  return service;
};

/** The address of the database through a proxy that a test can cut, delay or silence. */
export const throughProxy = async (t: Teardown, url: string): Promise<{ proxy: TcpProxy; url: string }> => {
  const address = new URL(url);
  const proxy = await createTcpProxy({ target: { host: address.hostname, port: Number(address.port) } });
  t.teardown(proxy.close);
  address.port = String(proxy.port);
  return { proxy, url: address.href };
};

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Record<string, unknown>;
};

export const call = async (url: string, init: RequestInit = {}): Promise<Answer> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(20_000), ...init });
  const text = await response.text();
  const json = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
  const body = json ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status: response.status, headers: response.headers, text, body };
};

export const json = (body: unknown, headers: Readonly<Record<string, string>> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

export const option = {
  spot: 100,
  strike: 105,
  time_to_expiry: 0.5,
  rate: 0.03,
  volatility: 0.2,
  option_type: 'call',
};
export const price = (service: Service): Promise<Answer> => call(`${service.url}/api/v1/pricing/price`, json(option));

export const tokenRequest = (secret: string): RequestInit => ({
  method: 'POST',
  body: new URLSearchParams({ grant_type: 'client_credentials', client_id: client.id, client_secret: secret }),
});

export const takeToken = async (service: Service): Promise<string> => {
  const { body } = await call(`${service.url}/api/v1/auth/token`, tokenRequest(client.secret));
  return String(body['access_token']);
};

/** @param wait seconds to wait for the end; 0 does not wait */
export const refresh = (service: Service, token: string, universe: string, wait = 20): Promise<Answer> =>
  call(
    `${service.url}/api/v1/refreshes`,
    json({ universe }, { Authorization: `Bearer ${token}`, ...(wait > 0 && { Prefer: `wait=${wait}` }) }),
  );

/** The record of a refresh that the caller has waited for: the body, or the member `refresh` of its error. */
export const refreshRecordOf = ({ body }: Answer): Record<string, unknown> =>
  (body['refresh'] as Record<string, unknown> | undefined) ?? body;

export const setFault = async (service: Service, point: string, fault: Record<string, unknown>): Promise<void> => {
  const { status, text } = await call(`${service.adminUrl}/faults/${point}`, { ...json(fault), method: 'PUT' });
  if (status !== 200) throw new Error(text);
};
export const clearFault = async (service: Service, point: string): Promise<void> => {
  await call(`${service.adminUrl}/faults/${point}`, { method: 'DELETE' });
};

export const openMetrics = 'application/openmetrics-text;version=1.0.0';
export const scrape = async (service: Service, accept = 'text/plain'): Promise<string> =>
  (await call(`${service.adminUrl}/metrics`, { headers: { Accept: accept } })).text;

/** Sum over the series of `name` that carry all of `labels`. */
export const metric = (exposition: string, name: string, labels: Readonly<Record<string, string>> = {}): number =>
  exposition
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);

/** Waits for the first refresh of a universe. With a provider, a job runs it after the start. */
export const refreshedAtStart = async (service: Service, universe = 'tech5'): Promise<void> => {
  await service.logged(({ message }) => message === 'started', 60_000);
  const name = 'volwatch_refresh_last_success_timestamp_seconds';
  await eventually(
    async () => metric(await scrape(service), name, { universe }) > 0,
    `${universe} is refreshed`,
    60_000,
  );
};

/** A digest over each row of the market data: if two digests are equal, all rows are equal. */
export const checksum = async (database: TestDatabase): Promise<string> => {
  const tables = ['asset', 'price', 'market_index', 'index_constituent', 'index_value'];
  const digests = tables.map(
    // Without the time of the last fetch of a whole history.
    (name) =>
      `(select md5(coalesce(string_agg(r::text, '|' order by r::text), ''))
        from (select to_jsonb(${name}) - 'history_at' as r from ${name}) as rows)`,
  );
  const [row] = await database.query(`select concat_ws(',', ${digests.join(', ')}) as digest`);
  return String(row?.['digest']);
};

/** Changes prices that the next committed refresh of tech5 restores, so that a commit can be seen. */
export const damage = async (database: TestDatabase): Promise<void> => {
  await database.query(
    `update price set close = close + 1 where asset_id = (select id from asset where symbol = 'AAPL')`,
  );
};

/** Status of a dependency in the health report, which the service caches for one second: wait with `eventually`. */
export const dependencyStatus = async (service: Service, dependency: string): Promise<string | undefined> => {
  const { body } = await call(`${service.url}/health`);
  return (body['dependencies'] as Readonly<Record<string, { readonly status: string }>>)[dependency]?.status;
};
