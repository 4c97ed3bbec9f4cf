import { eventually } from '#testkit/eventually.ts';
import { takeToken } from '#testkit/running-service.ts';
import type { Scope } from '#testkit/scope.ts';
import { startAlertmanager } from '../alertmanager.ts';
import { startPrometheus, type Prometheus } from '../prometheus.ts';
import { startStack, type Stack } from '../stack.ts';
import { quietRound } from '../traffic.ts';
import { repeatedly } from './repeatedly.ts';
import type { Around } from './scenario.ts';
import { shortWindows } from './short-windows.ts';
import { startSurroundings } from './surroundings.ts';

export type WatchedStack = {
  readonly stack: Stack;
  readonly around: Around;
  readonly prometheus: Prometheus;
  /** A token of the bootstrap client. */
  readonly token: string;
  readonly stopTraffic: () => Promise<void>;
};

/**
 * Starts the service behind a real proxy, Prometheus and Alertmanager, with the committed rules in short windows, and a quiet
 * traffic. Resolves when Prometheus has five samples, because it can compute an increase only from the second one on.
 * @param trafficMs pause between two rounds of the traffic, in milliseconds
 */
export const startWatchedStack = async (scope: Scope, trafficMs: number): Promise<WatchedStack> => {
  const stack = await startStack(scope, { OTEL_EXPORTER_OTLP_TIMEOUT: '500' });
  const alertmanager = await startAlertmanager(scope);
  const surroundings = await startSurroundings(scope, stack);
  const around: Around = { ...surroundings, alertmanager, traffic: { isPaused: false } };
  const prometheus = await startPrometheus(scope, {
    targets: {
      volwatch: new URL(stack.service.adminUrl).host,
      alertmanager: alertmanager.address,
      ...surroundings.targets,
    },
    alertmanager: alertmanager.address,
    rewriteRules: shortWindows,
  });
  const token = await takeToken(stack.service);
  const stopTraffic = repeatedly(async () => void (around.traffic.isPaused || (await quietRound(stack))), trafficMs);
  const start = Date.now() / 1_000;
  const isScraped = async (): Promise<boolean> =>
    ((await prometheus.range('up{job="volwatch"}', start))[0]?.values.length ?? 0) >= 5;
  await eventually(isScraped, 'Prometheus has five samples', 30_000, trafficMs);
  return { stack, around, prometheus, token, stopTraffic };
};
