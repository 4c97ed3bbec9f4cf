import { getNodeAutoInstrumentations } from '@opentelemetry/auto-instrumentations-node';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { NodeSDK } from '@opentelemetry/sdk-node';
import type { SpanExporter } from '@opentelemetry/sdk-trace';
import type { OpenTelemetrySettings } from '../../config/index.ts';
import { createBufferedListener } from '../buffered-listener.ts';
import type { TelemetryRuntime } from '../runtime.ts';
import { createSpanExporters } from './exporters.ts';
import { createInboundPropagator } from './inbound-propagator.ts';
import { chosenInstrumentations, instrumentationConfig } from './instrumentations.ts';
import { createResource } from './resource.ts';
import { createSampler, defaultSampler } from './samplers.ts';
import { withSdkMessages, type SdkMessage } from './sdk-messages.ts';
import { spanLimitsOf } from './span-limits.ts';
import {
  combineSpanPipelines,
  createDropCounter,
  createSpanPipeline,
  createSpanProbe,
  within,
} from './span-pipeline.ts';

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
    const exporters = options.exporter ? [options.exporter] : createSpanExporters(settings, options.hasEndpoint);
    const pipeline = combineSpanPipelines(
      exporters.map((exporter) =>
        createSpanPipeline({
          exporter,
          maxQueueSize: settings.OTEL_BSP_MAX_QUEUE_SIZE ?? 2_048,
          scheduledDelayMs: settings.OTEL_BSP_SCHEDULE_DELAY ?? 1_000,
          maxBatchSize: settings.OTEL_BSP_MAX_EXPORT_BATCH_SIZE ?? 512,
          exportTimeoutMs: settings.OTEL_BSP_EXPORT_TIMEOUT ?? 30_000,
          onDropped: drops.record,
        }),
      ),
    );
    const probe = createSpanProbe(pipeline);
    const instrumentations = chosenInstrumentations(settings);
    new NodeSDK({
      resource: createResource({
        serviceName: options.serviceName,
        serviceVersion: options.serviceVersion,
        instanceId: options.instanceId,
        inCluster: options.inCluster,
        detectors: settings.OTEL_NODE_RESOURCE_DETECTORS ?? ['all'],
        attributes: settings.OTEL_RESOURCE_ATTRIBUTES ?? {},
      }),
      autoDetectResources: false,
      contextManager: new AsyncLocalStorageContextManager(),
      textMapPropagator: createInboundPropagator(settings.OTEL_PROPAGATORS ?? ['tracecontext']),
      sampler: createSampler(settings),
      spanLimits: spanLimitsOf(settings),
      spanProcessors: [probe],
      // Metrics are exported by /metrics and logs by stdout, so the SDK must not configure them from the environment.
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
      forceFlush: async (timeoutMs) => {
        if (pipeline) await within(timeoutMs, pipeline.forceFlush());
      },
      shutdown: async (timeoutMs) => pipeline?.close(timeoutMs),
      onDropped: drops.subscribe,
      onMessage: messages.subscribe,
      recordScopes: probe.recordScopes,
    };
  });
};
