import { getNodeAutoInstrumentations } from '@opentelemetry/auto-instrumentations-node';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { NodeSDK } from '@opentelemetry/sdk-node';
import type { SpanExporter } from '@opentelemetry/sdk-trace';
import type { OpenTelemetrySettings } from '../../config/index.ts';
import { createBufferedListener } from '../buffered-listener.ts';
import { createDropCounter } from '../export/drop-counter.ts';
import { createOutages } from '../export/outages.ts';
import { logExportOf, metricExportOf } from '../export/signals.ts';
import { within } from '#src/kernel/abort.ts';
import type { TelemetryRuntime } from '../runtime.ts';
import { createSpanExporters } from './exporters.ts';
import { createInboundPropagator } from './inbound-propagator.ts';
import { chosenInstrumentations, instrumentationConfig } from './instrumentations.ts';
import { createResource } from './resource.ts';
import { createSampler, defaultSampler } from './samplers.ts';
import { withSdkMessages, type SdkMessage } from './sdk-messages.ts';
import { spanLimitsOf } from './span-limits.ts';
import { combineSpanPipelines, createSpanPipeline, createSpanProbe } from './span-pipeline.ts';

/** Max messages of the SDK that are kept until the logger exists. */
const maxMessages = 100;

export type TelemetrySdkOptions = {
  readonly serviceName: string;
  readonly serviceVersion: string;
  readonly instanceId: string;
  readonly settings: OpenTelemetrySettings;
  /** Without an endpoint spans exist (for logs, exemplars, responses) but are not exported, unless a variable says so. */
  readonly hasEndpoint: boolean;
  readonly inCluster: boolean;
  readonly exporter?: SpanExporter;
};

/**
 * Registers tracer provider, context manager, propagators and the instrumentations. Must run before pg, ioredis and
 * undici are first imported. Installs no signal handler, because the composition root controls the order of the
 * shutdown.
 */
export const startTelemetrySdk = (options: TelemetrySdkOptions): TelemetryRuntime => {
  const { settings } = options;
  const messages = createBufferedListener<SdkMessage>(maxMessages);
  return withSdkMessages(settings, messages.report, () => {
    const drops = createDropCounter();
    const outages = createOutages();
    const resource = createResource({
      serviceName: options.serviceName,
      serviceVersion: options.serviceVersion,
      instanceId: options.instanceId,
      inCluster: options.inCluster,
      detectors: settings.OTEL_NODE_RESOURCE_DETECTORS ?? ['all'],
      attributes: settings.OTEL_RESOURCE_ATTRIBUTES ?? {},
    });
    const scope = { name: 'volwatch', version: options.serviceVersion };
    const signals = { settings, resource, scope, onDropped: drops.record, outages };
    const metrics = metricExportOf(signals);
    const logs = logExportOf(signals);
    const exporters = options.exporter ? [options.exporter] : createSpanExporters(settings, options.hasEndpoint);
    const pipeline = combineSpanPipelines(
      exporters.map((exporter) =>
        createSpanPipeline({
          exporter,
          maxQueueSize: settings.OTEL_BSP_MAX_QUEUE_SIZE ?? 2_048,
          scheduledDelayMs: settings.OTEL_BSP_SCHEDULE_DELAY ?? 1_000,
          maxBatchSize: settings.OTEL_BSP_MAX_EXPORT_BATCH_SIZE ?? 512,
          exportTimeoutMs: settings.OTEL_BSP_EXPORT_TIMEOUT ?? 30_000,
          onDropped: (reason, spans) => drops.record('traces', reason, spans),
          onResult: outages.watch('traces'),
        }),
      ),
    );
    const probe = createSpanProbe(pipeline);
    const instrumentations = chosenInstrumentations(settings);
    new NodeSDK({
      resource,
      autoDetectResources: false,
      contextManager: new AsyncLocalStorageContextManager(),
      textMapPropagator: createInboundPropagator(settings.OTEL_PROPAGATORS ?? ['tracecontext']),
      sampler: createSampler(settings),
      spanLimits: spanLimitsOf(settings),
      spanProcessors: [probe],
      // Metrics and log lines have exports of their own, so the SDK must not configure them from the environment.
      metricReaders: [],
      logRecordProcessors: [],
      instrumentations: [getNodeAutoInstrumentations(instrumentationConfig(instrumentations))],
    }).start();
    const sampler = settings.OTEL_TRACES_SAMPLER ?? defaultSampler;
    return {
      enabled: true,
      exporting: pipeline !== undefined,
      serviceName: options.serviceName,
      instanceId: options.instanceId,
      instrumentations,
      recordsChildren: sampler.startsWith('parentbased_') || sampler === 'always_on',
      exportLine: logs?.emit,
      startMetricExport: (source) => metrics?.start(source),
      stopMetricCollection: () => metrics?.stopCollecting(),
      forceFlush: async (timeoutMs) => {
        await Promise.all([
          pipeline && within(timeoutMs, pipeline.forceFlush()),
          metrics?.forceFlush(timeoutMs),
          logs?.forceFlush(timeoutMs),
        ]);
      },
      shutdown: async (timeoutMs) => {
        await Promise.all([pipeline?.close(timeoutMs), metrics?.close(timeoutMs), logs?.close(timeoutMs)]);
      },
      onDropped: drops.subscribe,
      onOutage: outages.subscribe,
      onMessage: messages.subscribe,
      recordScopes: probe.recordScopes,
    };
  });
};
