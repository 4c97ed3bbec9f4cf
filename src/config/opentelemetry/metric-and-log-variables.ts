import { honoured, protocol } from './honoured.ts';
import { wholeNumber, words } from './parsers.ts';

/** The standard variables of metrics and log lines over OTLP. */
export const metricAndLogVariables = {
  OTEL_METRICS_EXPORTER: honoured(
    words(['otlp', 'prometheus', 'none'], { console: 'it would write figures between the log lines; read /metrics' }),
    'prometheus',
    'Exporters of metrics, with commas. `/metrics` is always there, whatever this says; `otlp` also sends the same metrics ([names](observability.md#metrics-and-logs-over-otlp))',
  ),
  OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: honoured(
    protocol,
    undefined,
    'The same as `OTEL_EXPORTER_OTLP_PROTOCOL` for metrics alone',
  ),
  OTEL_METRIC_EXPORT_INTERVAL: honoured(wholeNumber(1), '60000', 'Milliseconds from one export of metrics to the next'),
  OTEL_METRIC_EXPORT_TIMEOUT: honoured(
    wholeNumber(1),
    '30000',
    'Max milliseconds for one export of metrics. At most OTEL_METRIC_EXPORT_INTERVAL',
  ),
  OTEL_LOGS_EXPORTER: honoured(
    words(['otlp', 'console', 'none']),
    'console',
    'Exporters of log lines, with commas. stdout always has all lines, whatever this says; `otlp` also sends the same lines',
  ),
  OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: honoured(
    protocol,
    undefined,
    'The same as `OTEL_EXPORTER_OTLP_PROTOCOL` for log lines alone',
  ),
  OTEL_BLRP_SCHEDULE_DELAY: honoured(wholeNumber(1), '1000', 'Max milliseconds until a log line is sent over OTLP'),
  OTEL_BLRP_EXPORT_TIMEOUT: honoured(wholeNumber(1), '30000', 'Max milliseconds for the export of one batch of lines'),
  OTEL_BLRP_MAX_QUEUE_SIZE: honoured(
    wholeNumber(1, 1_000_000),
    '2048',
    'Max log lines that wait for OTLP. More are not sent and counted (`queue_full`); stdout has them',
  ),
  OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: honoured(
    wholeNumber(1, 1_000_000),
    '512',
    'Max log lines of one batch, which is sent in parts of 128. At most OTEL_BLRP_MAX_QUEUE_SIZE',
  ),
  OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT: honoured(wholeNumber(0), '64', 'Max attributes of a log line over OTLP'),
  OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT: honoured(
    wholeNumber(0),
    '8192',
    'Max characters of a text attribute of a log line over OTLP',
  ),
} as const;
