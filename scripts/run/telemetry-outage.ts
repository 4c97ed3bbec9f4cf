/**
 * Measures the cost of an unavailable Collector: `POST /pricing/price` on a service with a working Collector, and on
 * services whose Collector refuses, hangs, is slow or answers 500. The services are measured alternately. The process
 * has one event loop, so its maximum rate of answers is the inverse of its processor time per request. The test
 * compares processor time because it does not depend on other load on the machine. It fails if the throughput is below
 * 0.95 of the normal one, if memory grows by more than 250 MB, if no dropped spans are counted, if the log reports
 * drops more than once a minute, or if the process does not end within 8 s of SIGTERM.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import autocannon from 'autocannon';
import { metric, option, scrape } from '#testkit/running-service.ts';
import { startOtlpReceiver } from '#testkit/servers/otlp-receiver.ts';
import { startService, type Service } from '#testkit/service.ts';
import { median } from '#testkit/measures/statistics.ts';
import { temporaryDirectory } from '../verify/programs.ts';
import { type Scope } from '#testkit/scope.ts';
import { withScope } from '../verify/scope.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';

const rounds = Number(process.env['ROUNDS'] ?? 9);
const seconds = 2;
const [, , only] = process.argv;
const floor = 0.95;
// The queue holds at most 2,048 spans. The rest of the growth is heap before a garbage collection, which also occurs
// with a working Collector.
const mostGrowth = 250e6;
const mostExitMs = 8_000;

/** Answered requests per second of processor time. */
const drive = async (service: Service, duration: number): Promise<number> => {
  const url = `${service.url}/api/v1/pricing/price`;
  const headers = { 'content-type': 'application/json' };
  const load = { url, headers, method: 'POST', body: JSON.stringify(option), connections: 20, duration } as const;
  const before = metric(await scrape(service), 'process_cpu_seconds_total');
  const { requests, non2xx } = await autocannon(load);
  if (non2xx > 0) throw new Error(`${non2xx} requests were refused`);
  return requests.total / (metric(await scrape(service), 'process_cpu_seconds_total') - before);
};

const listening = async (
  scope: Pick<Scope, 'teardown'>,
  answer: (response: ServerResponse) => void,
): Promise<string> => {
  const server = createServer((request, response) => {
    request.resume();
    answer(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const collectors: Readonly<Record<string, (scope: Pick<Scope, 'teardown'>) => Promise<string>>> = {
  refused: async () => `http://127.0.0.1:${await freePort()}`,
  hanging: (scope) => listening(scope, () => {}),
  slow: (scope) => listening(scope, (response) => void setTimeout(() => response.end(), 5_000).unref()),
  'answering 500': (scope) => listening(scope, (response) => response.writeHead(500).end()),
};

const serve = async (scope: Pick<Scope, 'teardown'>, collector: string): Promise<Service> => {
  const service = await startService({
    environment: {
      VOLWATCH_DIRECTORY: temporaryDirectory(scope),
      // Load shedding is off in effect, because the test compares processor time and must not count refusals.
      LOAD_LAG_MS: '60000',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.1',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector,
      OTEL_EXPORTER_OTLP_TIMEOUT: '2000',
    },
  });
  scope.teardown(() => service.stop(5_000));
  await service.ready();
  // Warm-up, until the engine has compiled the code.
  await drive(service, 5);
  return service;
};

const residentBytes = async (service: Service): Promise<number> =>
  metric(await scrape(service), 'process_resident_memory_bytes');

const warningsTooOften = ({ log }: Service): boolean => {
  const at = log
    .filter(({ message }) => message === 'telemetry is dropped')
    .map((line) => Date.parse(String(line['time'])));
  return at.some((time, index) => index > 0 && time - at[index - 1]! < 59_000);
};

await withScope(async (scope) => {
  const healthy = await serve(scope, (await startOtlpReceiver(scope)).url);
  let good = true;
  for (const [mode, start] of Object.entries(collectors)) {
    if (only !== undefined && mode !== only) continue;
    const service = await serve(scope, await start(scope));
    const before = await residentBytes(service);
    const ratios: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const inOrder = round % 2 === 0;
      const first = await drive(inOrder ? service : healthy, seconds);
      const second = await drive(inOrder ? healthy : service, seconds);
      ratios.push(inOrder ? first / second : second / first);
    }
    const exposition = await scrape(service);
    const dropped = metric(exposition, 'volwatch_telemetry_dropped_total', { signal: 'traces' });
    const growth = (await residentBytes(service)) - before;
    const often = warningsTooOften(service);
    const stopped = Date.now();
    await service.stop(20_000);
    const exitMs = Date.now() - stopped;
    const kept = median(ratios);
    const fine = kept >= floor && growth < mostGrowth && dropped > 0 && !often && exitMs < mostExitMs;
    good &&= fine;
    console.log(
      `${fine ? 'ok   ' : 'WRONG'} ${mode}: ${kept.toFixed(3)} of the throughput, ${Math.round(growth / 1e6)} MB grown, ` +
        `${dropped} spans dropped and counted, ${often ? 'warned too often' : 'warned once a minute'}, ended in ${exitMs} ms`,
    );
  }
  return good;
});
