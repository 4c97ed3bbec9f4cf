import { configSections } from '../variables.ts';
import { exporterVariables, openTelemetryVariables, type OpenTelemetryVariable } from './opentelemetry-variables.ts';
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
  return { settings: settings as OpenTelemetrySettings, notices };
};
