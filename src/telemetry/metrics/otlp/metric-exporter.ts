import { OTLPExporterBase, type IOtlpExportDelegate } from '@opentelemetry/otlp-exporter-base';
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import { convertLegacyOtlpGrpcOptions, createOtlpGrpcExportDelegate } from '@opentelemetry/otlp-grpc-exporter-base';
import { MetricsExporterMetricsHelper } from '@opentelemetry/otlp-transformer';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { OtlpProtocol } from '../../export/otlp-protocol.ts';
import { jsonWithExemplars } from './json-serializer.ts';
import { protobufWithExemplars } from './metrics-serializer.ts';

const signal = 'METRICS';

const createHttpDelegate = (
  serializer: typeof protobufWithExemplars,
  contentType: string,
): IOtlpExportDelegate<ResourceMetrics> =>
  createOtlpHttpExportDelegate(
    convertLegacyHttpOptions({}, signal, 'v1/metrics', { 'Content-Type': contentType }),
    serializer,
    'otlp_http_metric_exporter',
    MetricsExporterMetricsHelper,
    undefined,
  );

const delegates: Readonly<Record<OtlpProtocol, () => IOtlpExportDelegate<ResourceMetrics>>> = {
  'http/protobuf': () => createHttpDelegate(protobufWithExemplars, 'application/x-protobuf'),
  'http/json': () => createHttpDelegate(jsonWithExemplars, 'application/json'),
  grpc: () =>
    createOtlpGrpcExportDelegate(
      convertLegacyOtlpGrpcOptions({}, signal),
      protobufWithExemplars,
      'otlp_grpc_metric_exporter',
      MetricsExporterMetricsHelper,
      undefined,
      'MetricsExportService',
      '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
    ),
};

/**
 * As the exporters of the SDK, except that it sends exemplars. It reads endpoint, headers, timeout, compression and
 * certificates from `OTEL_EXPORTER_OTLP_*`.
 */
export const createMetricExporter = (protocol: OtlpProtocol): OTLPExporterBase<ResourceMetrics> =>
  new OTLPExporterBase(delegates[protocol]());
