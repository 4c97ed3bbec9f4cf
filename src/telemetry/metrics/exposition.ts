import { Registry, type OpenMetricsContentType, type PrometheusContentType } from 'prom-client';

export type ExpositionFormat = 'text' | 'openmetrics';

const range = /^\s*(?<type>[^;\s]+)\s*(?<parameters>(?:;[^;]*)*)$/;

const isOpenMetrics = (type: string, version = '1.0.0'): boolean =>
  type.toLowerCase() === 'application/openmetrics-text' && version === '1.0.0';
const isText = (type: string, version = '0.0.4'): boolean =>
  /^(?:text\/plain|text\/\*)$/i.test(type) && version === '0.0.4';

/** Returns `openmetrics` only if the Accept header has OpenMetrics 1.0 with at least the quality of plain text. */
export const negotiateFormat = (accept: string | undefined): ExpositionFormat => {
  let openMetrics = 0;
  let text = 0;
  for (const part of (accept ?? '').slice(0, 1_024).split(',')) {
    const { type = '', parameters = '' } = range.exec(part)?.groups ?? {};
    const quality = Number(/;\s*q=([\d.]+)/i.exec(parameters)?.[1] ?? 1);
    const version = /;\s*version="?([\d.]+)/i.exec(parameters)?.[1];
    if (!Number.isFinite(quality)) continue;
    if (isOpenMetrics(type, version)) openMetrics = Math.max(openMetrics, quality);
    else if (isText(type, version)) text = Math.max(text, quality);
  }
  return openMetrics > 0 && openMetrics >= text ? 'openmetrics' : 'text';
};

/**
 * Returns the registry as text. To render OpenMetrics, prom-client removes `_total` from the name in the metric object
 * itself. So a copy of each metric is rendered, and the copy gets the changed name. The copy does not inherit from the metric,
 * because V8 gives each prototype a hidden class of its own, and all reports of metrics would become slow.
 */
export const renderMetrics = async (
  registry: Registry,
  format: ExpositionFormat,
): Promise<{ readonly contentType: string; readonly body: string }> => {
  const view = new Registry<PrometheusContentType | OpenMetricsContentType>();
  view.setContentType(format === 'openmetrics' ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE);
  for (const metric of registry.getMetricsAsArray() as unknown as Parameters<Registry['registerMetric']>[0][]) {
    const copy: object = Object.create(Object.getPrototypeOf(metric) as object);
    view.registerMetric(Object.assign(copy, metric));
  }
  return { contentType: view.contentType, body: await view.metrics() };
};
