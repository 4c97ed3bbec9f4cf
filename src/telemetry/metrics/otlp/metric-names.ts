export type OtlpMetricName = {
  readonly name: string;
  /** A unit of UCUM, an annotation like `{request}`, or empty. */
  readonly unit: string;
  /** Whether the conventions say that the values of several processes may be added (UpDownCounter). */
  readonly addable: boolean;
};

const unitOfSuffix: Readonly<Record<string, string>> = { seconds: 's', bytes: 'By' };

/** Metrics of the semantic conventions whose unit is not in the name of Prometheus, or that are no plain gauges. */
const conventions: Readonly<Record<string, OtlpMetricName>> = {
  http_server_request_duration_seconds: { name: 'http.server.request.duration', unit: 's', addable: false },
  http_server_active_requests: { name: 'http.server.active_requests', unit: '{request}', addable: true },
  db_client_operation_duration_seconds: { name: 'db.client.operation.duration', unit: 's', addable: false },
  db_client_connection_count: { name: 'db.client.connection.count', unit: '{connection}', addable: true },
  db_client_connection_max: { name: 'db.client.connection.max', unit: '{connection}', addable: true },
  db_client_connection_pending_requests: {
    name: 'db.client.connection.pending_requests',
    unit: '{request}',
    addable: true,
  },
  db_client_connection_timeouts_total: { name: 'db.client.connection.timeouts', unit: '{timeout}', addable: false },
  db_client_connection_wait_time_seconds: { name: 'db.client.connection.wait_time', unit: 's', addable: false },
};

/**
 * The name of a metric over OTLP, from its name in /metrics. The mapping of OpenTelemetry to Prometheus gives the name of
 * /metrics back: it replaces dots by underscores, and adds the unit, and `_total` to counters.
 */
export const otlpMetricName = (name: string, type: string): OtlpMetricName => {
  const known = conventions[name];
  if (known !== undefined) return known;
  const counted = type === 'counter' ? name.replace(/_total$/, '') : name;
  const suffix = /_([a-z]+)$/.exec(counted)?.[1] ?? '';
  const unit = unitOfSuffix[suffix] ?? '';
  const plain = unit === '' ? counted : counted.slice(0, -suffix.length - 1);
  return { name: plain.replace(/^volwatch_/, 'volwatch.'), unit, addable: false };
};

/** Labels whose attribute of the semantic conventions becomes the label again. All others keep their name. */
const attributeOfLabel: Readonly<Record<string, string>> = {
  http_request_method: 'http.request.method',
  http_route: 'http.route',
  http_response_status_code: 'http.response.status_code',
  error_type: 'error.type',
  db_operation_name: 'db.operation.name',
  db_collection_name: 'db.collection.name',
};
const numbers: ReadonlySet<string> = new Set(['http_response_status_code']);

/**
 * The attributes of a series. An empty label is left out, because Prometheus takes it for a missing one. `le` belongs to
 * the bucket of a histogram.
 */
export const otlpAttributes = (
  labels: Readonly<Record<string, string | number | undefined>>,
): Record<string, string | number> => {
  const attributes: Record<string, string | number> = {};
  for (const label in labels) {
    const value = labels[label];
    if (value === undefined || value === '' || label === 'le') continue;
    attributes[attributeOfLabel[label] ?? label] = numbers.has(label) ? Number(value) : String(value);
  }
  return attributes;
};
