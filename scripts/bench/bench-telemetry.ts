/**
 * Measures the cost of telemetry with `POST /pricing/price` on two services in production mode: one with metrics and
 * exported spans (10 % sampled), one with TELEMETRY_ENABLED=false. They run alternately, so that a change of the machine's
 * speed affects both. The figure is the ratio of the medians. With COMPARE=otlp the first one also sends metrics and log
 * lines over OTLP, and the second one does not.
 */
import autocannon from 'autocannon';
import { metric, scrape } from '#testkit/running-service.ts';
import type { Service } from '#testkit/service.ts';
import { createScope } from '../verify/scope.ts';
import { createProduction } from './http/production.ts';

const rounds = Number(process.env['ROUNDS'] ?? 7);
const seconds = Number(process.env['SECONDS_EACH'] ?? 4);
const comparesOtlp = process.env['COMPARE'] === 'otlp';
const [onSettings, offSettings]: readonly Readonly<Record<string, string>>[] = comparesOtlp
  ? [{ OTEL_METRICS_EXPORTER: 'otlp', OTEL_METRIC_EXPORT_INTERVAL: '2000', OTEL_LOGS_EXPORTER: 'otlp' }, {}]
  : [{}, { TELEMETRY_ENABLED: 'false' }];
const body = JSON.stringify({
  spot: 100,
  strike: 105,
  time_to_expiry: 0.5,
  rate: 0.03,
  volatility: 0.2,
  option_type: 'call',
});

const drive = async (service: Service, duration: number): Promise<number> => {
  const result = await autocannon({
    url: `${service.url}/api/v1/pricing/price`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    connections: 20,
    duration,
  });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} refused, ${result.errors} failed`);
  return result.requests.average;
};

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

const scope = createScope();
try {
  const start = await createProduction(scope);
  const common = { LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'info' };
  const services = [
    await start('with_telemetry', { environment: { ...common, ...onSettings } }),
    await start('without_telemetry', { environment: { ...common, ...offSettings } }),
  ] as const;
  const [on, off] = services;
  await drive(on, 2);
  await drive(off, 2);
  const pairs: [number, number][] = [];
  for (let round = 0; round < rounds; round += 1) {
    const first = round % 2 === 0 ? on : off;
    const second = first === on ? off : on;
    const [a, b] = [await drive(first, seconds), await drive(second, seconds)];
    pairs.push(first === on ? [a, b] : [b, a]);
    console.log(`round ${round + 1}: on ${pairs.at(-1)![0].toFixed(0)}/s, off ${pairs.at(-1)![1].toFixed(0)}/s`);
  }
  const ratio = median(pairs.map(([a, b]) => a / b));
  console.log(
    `median: on ${median(pairs.map(([a]) => a)).toFixed(0)}/s, off ${median(pairs.map(([, b]) => b)).toFixed(0)}/s, ` +
      `ratio ${ratio.toFixed(3)}${comparesOtlp ? '' : ' (wanted 0.90, floor 0.85)'}`,
  );
  if (comparesOtlp) {
    const exposition = await scrape(on);
    const lost = (signal: string): number => metric(exposition, 'volwatch_telemetry_dropped_total', { signal });
    console.log(`not sent: ${lost('logs')} log lines, ${lost('metrics')} data points, ${lost('traces')} spans`);
  }
  if (!comparesOtlp && ratio < 0.85) process.exitCode = 1;
} finally {
  await scope.close();
}
