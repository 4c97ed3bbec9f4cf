import { isErrorCode } from '#src/kernel/catalogue/errors.ts';
import { metricCatalogue, type MetricDeclaration } from '#src/kernel/catalogue/metrics.ts';
import { operations, type Operation } from '#src/kernel/catalogue/operations.ts';
import { notice, table } from './markdown.ts';

const labels = ({ labels: declared }: MetricDeclaration): string =>
  Object.entries(declared)
    .map(([name, values]) => {
      if (typeof values === 'string') return `\`${name}\``;
      const shown = values.filter((value) => value !== '');
      const codes = shown.length > 12 && shown.every(isErrorCode);
      return `\`${name}\` (${codes ? 'an error code' : shown.join(', ')})`;
    })
    .join('; ');

const labelText = ({ labels = {} }: Operation): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
};

const operationRows = (): string[][] =>
  operations.map((operation) => {
    const { room, does, span, noSpan, metric, noMetric } = operation;
    return [
      room,
      does,
      span === undefined ? `none: ${noSpan}` : `\`${span}\``,
      metric === undefined ? `none: ${noMetric}` : `\`${metric}${labelText(operation)}\``,
    ];
  });

export const telemetryPage = (): string => `${notice('src/kernel/catalogue/metrics/ and operations.ts')}
# Telemetry

Every metric that the service emits. Durations are seconds, sizes are bytes, counters end in \`_total\`. Label values
come from closed sets: never an id, a raw path, a message or an address. Series with a name that callers make (\`universe\`) are removed
when the name does not exist any more.

A request that no route takes has \`http_route="unmatched"\` and, in durations, \`http_request_method="_OTHER"\`: an unknown path, a method
that the path lacks (also \`OPTIONS\`), a refused head, or no acceptable media type. No rate limit counts most of these, so
anybody could make a series for each route, method and refusal. Its log line has the method and the route of the path.

${table(
  ['metric', 'type', 'labels', 'meaning'],
  Object.entries<MetricDeclaration>(metricCatalogue).map(([name, metric]) => [
    `\`${name}\``,
    metric.type,
    labels(metric),
    metric.help,
  ]),
)}

## Operations

Every operation of the service with its span and its metric, from \`src/kernel/catalogue/operations.ts\`.
\`test/service/operations.long.test.ts\` compares the list with what a running service emits. Spans of requests
(\`METHOD ROUTE\`) and of the clients of PostgreSQL and Redis are not listed.

${table(['room', 'operation', 'span', 'metric'], operationRows())}

What spans and log lines carry is described in [observability.md](observability.md).
`;
