import { randomUUID } from 'node:crypto';
import { getNodeAutoInstrumentations } from '@opentelemetry/auto-instrumentations-node';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type Sampler,
  type SpanExporter,
} from '@opentelemetry/sdk-trace';
import { inboundOnly } from './inbound-propagator.ts';
import { instrumentations } from './instrumentations.ts';
import { createDropCounter, createSpanPipeline, createSpanProbe, within } from './span-pipeline.ts';
import type { TelemetryRuntime } from '../runtime.ts';

const maxQueueSize = 2_048;
const scheduledDelayMs = 1_000;

type SamplerName =
  | 'always_on'
  | 'always_off'
  | 'traceidratio'
  | 'parentbased_always_on'
  | 'parentbased_always_off'
  | 'parentbased_traceidratio';

export type TelemetrySdkOptions = {
  readonly serviceName: string;
  readonly serviceVersion: string;
  readonly sampler: SamplerName;
  /** From 0 to 1. Only for the two samplers with a ratio. */
  readonly samplerRatio: number;
  /** Without this and without `exporter`, spans exist (for logs, exemplars, responses) but are not exported. */
  readonly exportToOtlp: boolean;
  readonly exporter?: SpanExporter;
};

const createSampler = (name: SamplerName, ratio: number): Sampler => {
  const root = name.endsWith('always_on')
    ? new AlwaysOnSampler()
    : name.endsWith('always_off')
      ? new AlwaysOffSampler()
      : new TraceIdRatioBasedSampler(ratio);
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
};

/**
 * Registers tracer provider, context manager, propagators and the three instrumentations. Must run before pg, ioredis
 * and undici are first imported. The exporter reads endpoint, headers and timeouts of OTLP from `OTEL_*`. Installs no
 * signal handler, because the composition root controls the order of the shutdown.
 */
export const startTelemetrySdk = (options: TelemetrySdkOptions): TelemetryRuntime => {
  const drops = createDropCounter();
  const exporter = options.exporter ?? (options.exportToOtlp ? new OTLPTraceExporter() : undefined);
  const pipeline =
    exporter && createSpanPipeline({ exporter, maxQueueSize, scheduledDelayMs, onDropped: drops.record });
  const probe = createSpanProbe(pipeline);
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.instance.id': randomUUID(), 'service.version': options.serviceVersion }))
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(resourceFromAttributes({ 'service.name': options.serviceName }));
  new NodeSDK({
    resource,
    autoDetectResources: false,
    contextManager: new AsyncLocalStorageContextManager(),
    textMapPropagator: inboundOnly(new W3CTraceContextPropagator()),
    sampler: createSampler(options.sampler, options.samplerRatio),
    spanLimits: { attributeCountLimit: 64, eventCountLimit: 32, linkCountLimit: 32 },
    spanProcessors: [probe],
    // Metrics are exported by /metrics and logs by stdout, so the SDK must not configure them from the environment.
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [getNodeAutoInstrumentations(instrumentations)],
  }).start();
  return {
    enabled: true,
    exporting: pipeline !== undefined,
    recordsChildren: options.sampler.startsWith('parentbased_') || options.sampler === 'always_on',
    forceFlush: async (timeoutMs) => {
      if (pipeline) await within(timeoutMs, pipeline.forceFlush());
    },
    shutdown: async (timeoutMs) => pipeline?.close(timeoutMs),
    onDropped: drops.subscribe,
    recordScopes: probe.recordScopes,
  };
};
