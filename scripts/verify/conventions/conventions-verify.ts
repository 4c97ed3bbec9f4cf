/**
 * Compares what the service exports over OTLP (spans, metrics, log records, resource) with the published semantic
 * conventions of OpenTelemetry. Each difference must be in the list of deviations with its reason. `--write` writes the list
 * to docs/conventions.md.
 */
import { writeFileSync } from 'node:fs';
import { takeToken } from '#testkit/running-service.ts';
import { withScope } from '../scope.ts';
import { startStack, type Stack } from '../stack.ts';
import { badRound, calendarRound, mailRound, ordinaryRound, refreshRound, webhookRound } from '../traffic.ts';
import { deviations } from './deviations.ts';
import {
  createInventory,
  type Inventory,
  type LogsRequest,
  type MetricsRequest,
  type TracesRequest,
} from './inventory.ts';
import { findingsOf, judge } from './judge.ts';
import { conventionsPage } from './page.ts';
import { readConventions } from './published.ts';

/** Every kind of traffic once, so that every kind of span, metric and line is exported. */
const everything = async (stack: Stack): Promise<void> => {
  const token = await takeToken(stack.service);
  for (const round of [ordinaryRound, refreshRound, webhookRound, calendarRound, mailRound, badRound]) {
    await round(stack, token);
  }
  // The last export is at the stop.
  await stack.service.stop();
};

const exporting = {
  OTEL_METRICS_EXPORTER: 'otlp',
  OTEL_LOGS_EXPORTER: 'otlp',
  OTEL_METRIC_EXPORT_INTERVAL: '2000',
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  OTEL_NODE_ENABLED_INSTRUMENTATIONS: 'pg,ioredis,undici,net,dns',
};

/** What the service exported so far. */
const inventoryOf = ({ collector }: Stack): Inventory => {
  const inventory = createInventory();
  const parsed = <Request>(signal: 'traces' | 'metrics' | 'logs'): Request[] =>
    collector.ofSignal(signal).map((body) => JSON.parse(body.toString()) as Request);
  for (const request of parsed<TracesRequest>('traces')) inventory.addTraces(request);
  for (const request of parsed<MetricsRequest>('metrics')) inventory.addMetrics(request);
  for (const request of parsed<LogsRequest>('logs')) inventory.addLogs(request);
  return inventory;
};

await withScope(async (scope) => {
  const conventions = readConventions();
  const stack = await startStack(scope, exporting);
  await everything(stack);
  const inventory = inventoryOf(stack);
  const places = [...inventory.attributes.values()].reduce((sum, names) => sum + names.size, 0);
  const findings = findingsOf(inventory, conventions);
  const judgement = judge(findings, deviations);
  const { faults, unused } = judgement;
  for (const fault of faults) console.error(fault);
  for (const { what } of unused) console.error(`nothing deviates any more as listed, remove it: ${what}`);
  console.log(
    `semantic conventions ${conventions.version}: ${places} attributes by place, ${inventory.metrics.size} metrics`,
  );
  console.log(`${findings.length} differences, ${findings.length - faults.length} of them listed with a reason`);
  if (process.argv.includes('--write')) {
    writeFileSync('docs/conventions.md', conventionsPage(conventions.version, judgement));
  }
  return faults.length === 0 && unused.length === 0;
});
