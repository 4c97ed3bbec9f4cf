import { exporterVariables, openTelemetryVariables } from '#src/config/opentelemetry/opentelemetry-variables.ts';
import { refusedVariables } from '#src/config/opentelemetry/refused-variables.ts';
import { table } from './markdown.ts';

type Entry = { readonly fallback: string | undefined; readonly help: string };

/** The part of docs/configuration.md about standard variables that never stop the start. */
export const openTelemetryPart = (): string => `## Standard OpenTelemetry variables

An invalid value of these variables does not stop the start, as the
[specification](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/) says: a line of the log
(\`warn\`, field \`variable\`) names it, and the default counts. Limits and delays are whole numbers; words count in any case.

${table(
  ['variable', 'default', 'meaning'],
  Object.entries<Entry>(openTelemetryVariables).map(([name, { fallback, help }]) => [
    `\`${name}\``,
    fallback === undefined ? 'unset' : `\`${fallback}\``,
    help,
  ]),
)}

The OTLP exporter reads these itself:

${table(
  ['variable', 'meaning'],
  Object.entries(exporterVariables).map(([name, help]) => [`\`${name}\``, help]),
)}

These have no effect. One that is set is named in the log at the start, with the reason:

${table(
  ['variable', 'no report for', 'reason'],
  refusedVariables.map(({ title, accepted = [], reason }) => [
    title,
    accepted.map((value) => `\`${value}\``).join(', '),
    reason,
  ]),
)}
`;
