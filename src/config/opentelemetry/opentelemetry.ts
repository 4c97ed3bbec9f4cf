import { configSections } from '../variables.ts';
import type { OpenTelemetryVariable } from './honoured.ts';
import { exporterVariables, openTelemetryVariables } from './opentelemetry-variables.ts';
import { refusedVariables } from './refused-variables.ts';

type Variables = typeof openTelemetryVariables;

/** Undefined: the variable is unset or invalid, so the default counts. */
export type OpenTelemetrySettings = {
  readonly [Name in keyof Variables]: Variables[Name] extends OpenTelemetryVariable<infer Value>
    ? Value | undefined
    : never;
};

/** A sentence about a variable that was ignored. It never has the value, which can be a secret. */
export type OpenTelemetryNotice = { readonly variable: string; readonly message: string };

export type OpenTelemetry = {
  readonly settings: OpenTelemetrySettings;
  readonly notices: readonly OpenTelemetryNotice[];
};

const known = new Set([
  ...Object.keys(openTelemetryVariables),
  ...Object.keys(exporterVariables),
  ...Object.keys(configSections.Telemetry),
]);

const noticeOfUnknown = (variable: string, text: string): OpenTelemetryNotice[] => {
  const refused = refusedVariables.find(({ pattern }) => pattern.test(variable));
  if (refused === undefined || refused.accepted?.includes(text.toLowerCase())) return [];
  return [{ variable, message: `${variable} has no effect: ${refused.reason}` }];
};

/** The endpoint of a signal that is sent only if the exporter of the signal asks for it. */
const endpointOfExporter = {
  OTEL_METRICS_EXPORTER: 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
  OTEL_LOGS_EXPORTER: 'OTEL_EXPORTER_OTLP_LOGS_ENDPOINT',
} as const;

/** An endpoint that nothing is sent to is reported, because the specification would send to it. */
const noticesOfEndpoints = (
  settings: Partial<OpenTelemetrySettings>,
  environment: Readonly<Record<string, string | undefined>>,
): OpenTelemetryNotice[] =>
  (['OTEL_METRICS_EXPORTER', 'OTEL_LOGS_EXPORTER'] as const)
    .filter((exporter) => settings[exporter] === undefined && environment[endpointOfExporter[exporter]]?.trim())
    .map((exporter) => ({
      variable: endpointOfExporter[exporter],
      message: `${endpointOfExporter[exporter]} has no effect without ${exporter}=otlp`,
    }));

/** Reads the standard OpenTelemetry variables. An invalid or unsupported one is reported and ignored. */
export const readOpenTelemetry = (environment: Readonly<Record<string, string | undefined>>): OpenTelemetry => {
  const settings: Record<string, unknown> = {};
  const notices: OpenTelemetryNotice[] = [];
  for (const [name, { parse }] of Object.entries<OpenTelemetryVariable<unknown>>(openTelemetryVariables)) {
    const text = environment[name]?.trim() ?? '';
    if (text === '') continue;
    const { value, problem } = parse(text);
    if (value !== undefined) settings[name] = value;
    if (problem !== undefined) notices.push({ variable: name, message: `${name} ${problem}` });
  }
  for (const [variable, text = ''] of Object.entries(environment)) {
    if (variable.startsWith('OTEL_') && !known.has(variable) && text.trim() !== '') {
      notices.push(...noticeOfUnknown(variable, text.trim()));
    }
  }
  notices.push(...noticesOfEndpoints(settings, environment));
  return { settings: settings as OpenTelemetrySettings, notices };
};
