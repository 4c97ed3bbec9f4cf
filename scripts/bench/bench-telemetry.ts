/**
 * Measures the cost of telemetry with `POST /pricing/price` on two services in production mode: one with metrics and
 * exported spans (10 % sampled), one with TELEMETRY_ENABLED=false. They run alternately, so that a change of the machine's
 * speed affects both. The figures are the medians of the ratios of the rounds: by the clock, and by the processor time of the
 * services, which other work on the machine affects less and which decides. SAMPLED is the share of the sampled traces. With COMPARE=otlp the first one also sends metrics and log
 * lines over OTLP, and the second one does not.
 */
import autocannon from 'autocannon';
import { metric, scrape } from '#testkit/running-service.ts';
import type { Service } from '#testkit/service.ts';
import { median } from '#testkit/measures/statistics.ts';
import { createScope } from '#testkit/scope.ts';
import { processorSeconds } from './http/drive.ts';
import { createProduction } from './http/production.ts';

const rounds = Number(process.env['ROUNDS'] ?? 7);
const seconds = Number(process.env['SECONDS_EACH'] ?? 4);
const comparesOtlp = process.env['COMPARE'] === 'otlp';
const sampled = process.env['SAMPLED'] ?? '0.1';
/** Requests before the first round, because V8 compiles the code of a service only after some thousand. */
const warmUpSeconds = 6;
const [onSettings, offSettings]: readonly Readonly<Record<string, string>>[] = comparesOtlp
  ? [{ OTEL_METRICS_EXPORTER: 'otlp', OTEL_METRIC_EXPORT_INTERVAL: '2000', OTEL_LOGS_EXPORTER: 'otlp' }, {}]
  : [{ OTEL_TRACES_SAMPLER_ARG: sampled }, { TELEMETRY_ENABLED: 'false' }];
const body = JSON.stringify({
  spot: 100,
  strike: 105,
  time_to_expiry: 0.5,
  rate: 0.03,
  volatility: 0.2,
  option_type: 'call',
});

type Rate = { readonly perSecond: number; readonly perProcessorSecond: number };

const drive = async (service: Service, duration: number): Promise<Rate> => {
  const spent = processorSeconds(service);
  const result = await autocannon({
    url: `${service.url}/api/v1/pricing/price`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    connections: 20,
    duration,
  });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} refused, ${result.errors} failed`);
  const perProcessorSecond = result.requests.total / (processorSeconds(service) - spent);
  return { perSecond: result.requests.average, perProcessorSecond };
};

const scope = createScope();
try {
  const start = await createProduction(scope);
  const common = { LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'info' };
  const services = [
    await start('with_telemetry', { environment: { ...common, ...onSettings } }),
    await start('without_telemetry', { environment: { ...common, ...offSettings } }),
  ] as const;
  const [on, off] = services;
  await drive(on, warmUpSeconds);
  await drive(off, warmUpSeconds);
  const pairs: [Rate, Rate][] = [];
  for (let round = 0; round < rounds; round += 1) {
    const first = round % 2 === 0 ? on : off;
    const second = first === on ? off : on;
    const [a, b] = [await drive(first, seconds), await drive(second, seconds)];
    pairs.push(first === on ? [a, b] : [b, a]);
    const [one, other] = pairs.at(-1)!;
    console.log(
      `round ${round + 1}: on ${one.perSecond.toFixed(0)}/s, off ${other.perSecond.toFixed(0)}/s; for a second of processor time ` +
        `on ${one.perProcessorSecond.toFixed(0)}, off ${other.perProcessorSecond.toFixed(0)}`,
    );
  }
  const ratioBy = (by: keyof Rate): number => median(pairs.map(([a, b]) => a[by] / b[by]));
  const ratio = ratioBy('perProcessorSecond');
  console.log(
    `median ratio: ${ratioBy('perSecond').toFixed(3)} by the clock, ${ratio.toFixed(3)} by processor time` +
      (comparesOtlp ? '' : ' (wanted 0.90, floor 0.85)'),
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
