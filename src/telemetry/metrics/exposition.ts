import { setImmediate as nextTurn } from 'node:timers/promises';
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

/** Series in one turn of the event loop. A series of a histogram takes some 50 microseconds, so these take some 10 ms. */
const maxSeriesOfTurn = 200;

type View = Registry<PrometheusContentType | OpenMetricsContentType>;
/** prom-client keeps the series of a metric in `hashMap`. */
type Rendered = Parameters<View['registerMetric']>[0] & { readonly hashMap: Readonly<Record<string, unknown>> };

/**
 * A copy of a metric, with some of its series. To render OpenMetrics, prom-client removes `_total` from the name in the metric object itself,
 * so the copy gets the changed name. It does not inherit from the metric, because V8 gives each prototype a hidden class of its own, and all
 * reports of metrics would become slow.
 */
const copyOf = (metric: Rendered, hashMap = metric.hashMap): Rendered =>
  Object.assign(Object.create(Object.getPrototypeOf(metric) as object) as object, metric, { hashMap });

const piecesOf = (metric: Rendered): Rendered[] => {
  const series = Object.entries(metric.hashMap);
  if (series.length <= maxSeriesOfTurn) return [metric];
  return Array.from({ length: Math.ceil(series.length / maxSeriesOfTurn) }, (_, piece) =>
    copyOf(metric, Object.fromEntries(series.slice(piece * maxSeriesOfTurn, (piece + 1) * maxSeriesOfTurn))),
  );
};

/**
 * Returns the registry as text. The text is made in pieces with a turn of the event loop between them, because thousands of series take
 * hundreds of milliseconds. Each series is of one moment; two series can be of different turns.
 */
export const renderMetrics = async (
  registry: Registry,
  format: ExpositionFormat,
): Promise<{ readonly contentType: string; readonly body: string }> => {
  const isOpen = format === 'openmetrics';
  const contentType = isOpen ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
  const end = isOpen ? '\n# EOF\n' : '\n';
  const metrics = (registry.getMetricsAsArray() as unknown as Rendered[]).map((metric) => copyOf(metric));
  const texts: string[] = [];
  let seriesOfTurn = 0;
  for (const metric of metrics) {
    const lines: string[] = [];
    for (const piece of piecesOf(metric)) {
      const series = Object.keys(piece.hashMap).length;
      if (seriesOfTurn + series > maxSeriesOfTurn) {
        await nextTurn();
        seriesOfTurn = 0;
      }
      seriesOfTurn += series;
      const view: View = new Registry();
      view.setContentType(contentType);
      view.registerMetric(piece);
      const text = (await view.metrics()).slice(0, -end.length);
      // Help and type are the first two lines of a metric.
      lines.push(lines.length === 0 ? text : text.split('\n').slice(2).join('\n'));
    }
    texts.push(lines.join('\n'));
  }
  return { contentType, body: `${texts.join(isOpen ? '\n' : '\n\n')}${end}` };
};
