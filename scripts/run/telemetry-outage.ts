/**
 * What a Collector that is gone costs: `POST /pricing/price` on a service whose spans are taken, and on one whose
 * Collector refuses, hangs, is slow or answers 500. They take turns. The process is its one event loop, so what it can
 * answer is the inverse of its processor time per request: that is compared, since it does not depend on who else uses
 * the machine. Fails below 0.95 of the throughput, above 250 MB of growth, when nothing was counted as dropped, when the log says so more than once a minute, or when the process
 * does not end within 8 s of SIGTERM.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import autocannon from 'autocannon';
import { metric, option, scrape } from '#testkit/running-service.ts';
import { startOtlpReceiver } from '#testkit/servers/otlp-receiver.ts';
import { startService, type Service } from '#testkit/service.ts';
import { temporaryDirectory } from '../verify/programs.ts';
import { withScope, type Scope } from '../verify/scope.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';

const rounds = Number(process.env['ROUNDS'] ?? 9);
const seconds = 2;
const [, , only] = process.argv;
const floor = 0.95;
// The queue holds 2,048 spans; the rest is a heap that grows before it is collected, Collector or no.
const mostGrowth = 250e6;
const mostExitMs = 8_000;

/** Requests answered per second of processor time. */
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
      // What is compared is the work, not refusals.
      LOAD_LAG_MS: '60000',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.1',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector,
      OTEL_EXPORTER_OTLP_TIMEOUT: '2000',
    },
  });
  scope.teardown(() => service.stop(5_000));
  await service.ready();
  // Until the engine has compiled what it will run.
  await drive(service, 5);
  return service;
};

const residentBytes = async (service: Service): Promise<number> =>
  metric(await scrape(service), 'process_resident_memory_bytes');
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

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
