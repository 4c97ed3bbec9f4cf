/**
 * Measures the figures of docs/resilience.md about PostgreSQL, shutdown and load, with a service that has its own
 * database: `npm run bench:resilience`. REQUESTS shortens the memory run.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import autocannon from 'autocannon';
import { call, metric, option, refresh, scrape, serve, setFault, takeToken } from '#testkit/running-service.ts';
import type { Service } from '#testkit/service.ts';
import { createTcpProxy } from '#testkit/servers/tcp-proxy.ts';
import { startTemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';
import { eventually } from '#testkit/eventually.ts';

const requests = Number(process.env['REQUESTS'] ?? 100_000);
const ends: (() => unknown)[] = [];
const suite = { teardown: (end: () => unknown) => void ends.unshift(end) };
const show = (what: string, figure: string): void => console.log(`${what.padEnd(58)} ${figure}`);
const ms = (value: number): string => `${value.toFixed(0)} ms`;
const started = async (service: Service): Promise<Service> => {
  await service.logged(({ message }) => message === 'started', 60_000);
  return service;
};

const postgres = await startTemporaryPostgres(suite, { name: 'bench', durable: true });
const quiet = { RATE_LIMIT_ENABLED: 'false', LOG_LEVEL: 'info', OTEL_TRACES_SAMPLER: 'parentbased_traceidratio' };
const environment = { ...quiet, DATABASE_URL: postgres.url, OTEL_TRACES_SAMPLER_ARG: '0.1' };
/** Collects garbage on SIGUSR2, so that the measured heap contains only live objects. */
const collects = `data:text/javascript,process.on('SIGUSR2',()=>globalThis.gc())`;
/** Bypasses the caches. */
const fresh = { headers: { 'Cache-Control': 'no-cache' } };

const poolExhausted = async (): Promise<void> => {
  const service = await started(await serve(suite, { ...environment, DATABASE_POOL_MAX: '2' }));
  const token = await takeToken(service);
  await setFault(service, 'refresh.commit', { mode: 'hang', count: 1 });
  void refresh(service, token, 'tech5', 0);
  await service.logged(({ fault_point: point }) => point === 'refresh.commit');
  const took: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    const began = performance.now();
    const { body } = await call(`${service.url}/api/v1/assets`, fresh);
    took.push(performance.now() - began);
    if (body['code'] !== 'database_pool_exhausted') throw new Error(`answered ${String(body['code'])}`);
  }
  show('pool exhausted, acquire timeout 300 ms: 503 after, worst', ms(Math.max(...took)));
  await service.stop();
};

const databaseCut = async (): Promise<void> => {
  const address = new URL(postgres.url);
  const proxy = await createTcpProxy({ target: { host: address.hostname, port: Number(address.port) } });
  ends.unshift(proxy.close);
  address.port = String(proxy.port);
  const service = await started(await serve(suite, { ...environment, DATABASE_URL: address.href }));
  const seen: { readonly at: number; readonly status: number }[] = [];
  const sending = new AbortController();
  const one = async (): Promise<void> => {
    const { status } = await call(`${service.url}/api/v1/assets`, fresh);
    seen.push({ at: performance.now(), status });
  };
  const load = (async () => {
    const inFlight: Promise<void>[] = [];
    for (; !sending.signal.aborted; await sleep(10)) inFlight.push(one());
    await Promise.all(inFlight);
  })();
  await sleep(500);
  const cutAt = performance.now();
  proxy.cut();
  await sleep(3_000);
  const backAt = performance.now();
  proxy.restore();
  await service.ready(10_000);
  const readyAt = performance.now();
  await sleep(1_000);
  sending.abort();
  await load;
  const first = (after: number, status: number): number =>
    (seen.find((answer) => answer.at > after && answer.status === status)?.at ?? Infinity) - after;
  show('database cut: first 503 after', ms(first(cutAt, 503)));
  show('database back: first 200 after', ms(first(backAt, 200)));
  show('database back: ready after', ms(readyAt - backAt));
  const waiting = metric(await scrape(service), 'db_client_connection_pending_requests', { pool: 'primary' });
  show('database back: requests waiting for a connection', String(waiting));
  await service.stop();
};

const drive = (service: Service, amount: number) =>
  autocannon({
    url: service.url,
    connections: 20,
    amount,
    requests: [
      { method: 'GET', path: '/api/v1/assets/AAPL/prices?limit=50' },
      {
        method: 'POST',
        path: '/api/v1/pricing/price',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(option),
      },
    ],
  });

const memory = async (service: Service): Promise<void> => {
  const heapAfterCollection = async (): Promise<number> => {
    service.process.kill('SIGUSR2');
    await sleep(1_000);
    return metric(await scrape(service), 'nodejs_heap_size_used_bytes') / 2 ** 20;
  };
  await drive(service, requests / 5);
  const before = await heapAfterCollection();
  const result = await drive(service, requests);
  const after = await heapAfterCollection();
  show(
    `heap after collection, before and after ${requests} requests`,
    `${before.toFixed(1)} MiB, ${after.toFixed(1)} MiB`,
  );
  show('  of these not 2xx', String(result.non2xx + result.errors));
};

/** CPU seconds that the processes used for `amount` requests each, and the total requests per second. */
const cost = async (services: readonly Service[], amount: number) => {
  const cpu = async (): Promise<number> => {
    const all = await Promise.all(services.map((service) => scrape(service)));
    return all.reduce((sum, text) => sum + metric(text, 'process_cpu_seconds_total'), 0);
  };
  const before = await cpu();
  const began = performance.now();
  await Promise.all(services.map((service) => drive(service, amount)));
  const seconds = (performance.now() - began) / 1_000;
  const served = amount * services.length;
  return { perRequest: ((await cpu()) - before) / served, rate: served / seconds };
};

const instances = async (first: Service): Promise<void> => {
  const second = await started(await serve(suite, environment));
  await drive(second, 30_000);
  const rounds = 3;
  const [one, two]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    one.push((await cost([first], 20_000)).perRequest);
    two.push((await cost([first, second], 10_000)).perRequest);
  }
  const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(rounds / 2)]!;
  show('CPU a request, one instance', `${(middle(one) * 1e6).toFixed(0)} us`);
  show('CPU a request, two instances', `${(middle(two) * 1e6).toFixed(0)} us`);
  show('two instances carry, a core each', `${((2 * middle(one)) / middle(two)).toFixed(2)} x one`);
};

/** Needs root, because it mounts a separate file system. */
const diskFull = async (): Promise<void> => {
  if (process.getuid?.() !== 0) return;
  const mounted = mkdtempSync(join(tmpdir(), 'volwatch-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=120m,mode=0711', 'tmpfs', mounted]);
  ends.unshift(() => execFileSync('umount', ['-l', mounted]));
  const service = await started(await serve(suite, { ...quiet, VOLWATCH_DIRECTORY: join(mounted, 'volwatch') }));
  const token = await takeToken(service);
  execFileSync('sh', ['-c', `cat /dev/zero > ${mounted}/fill 2>/dev/null || true`]);
  const full = await refresh(service, token, 'sp500');
  const read = await call(`${service.url}/api/v1/assets`, fresh);
  rmSync(join(mounted, 'fill'));
  const began = performance.now();
  await eventually(
    async () => (await refresh(service, token, 'sp500')).body['status'] === 'succeeded',
    'a refresh succeeds',
    30_000,
  );
  show('disk full: a refresh, a read', `${String(full.body['reason'] ?? full.body['code'])}, ${read.status}`);
  show('room again: a refresh succeeds after', ms(performance.now() - began));
  await service.stop();
};

try {
  await poolExhausted();
  await databaseCut();
  await diskFull();
  const service = await started(
    await serve(suite, environment, { nodeArguments: ['--expose-gc', '--import', collects] }),
  );
  await memory(service);
  await instances(service);
} finally {
  for (const end of ends) await end();
}
