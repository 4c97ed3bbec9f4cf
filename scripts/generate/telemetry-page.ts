import { isErrorCode } from '#src/kernel/catalogue/errors.ts';
import { metricCatalogue, type MetricDeclaration } from '#src/kernel/catalogue/metrics.ts';
import { notice, table } from './markdown.ts';

const labels = ({ labels: declared }: MetricDeclaration): string =>
  Object.entries(declared)
    .map(([name, values]) => {
      if (values === 'open') return `\`${name}\``;
      const shown = values.filter((value) => value !== '');
      const codes = shown.length > 12 && shown.every(isErrorCode);
      return `\`${name}\` (${codes ? 'an error code' : shown.join(', ')})`;
    })
    .join('; ');

export const telemetryPage = (): string => `${notice('src/kernel/catalogue/metrics/')}
# Telemetry

Every metric that the service emits. Durations are seconds, sizes are bytes, counters end in \`_total\`. Label values
come from closed sets: never an id, a raw path, a message or an address.

${table(
  ['metric', 'type', 'labels', 'meaning'],
  Object.entries<MetricDeclaration>(metricCatalogue).map(([name, metric]) => [
    `\`${name}\``,
    metric.type,
    labels(metric),
    metric.help,
  ]),
)}

What spans and log lines carry is described in [observability.md](observability.md).
`;
