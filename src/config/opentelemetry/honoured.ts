import { type Parser, word } from './parsers.ts';

export type OpenTelemetryVariable<Value> = {
  readonly parse: Parser<Value>;
  /** The default for the page of the configuration. Undefined: the variable has no effect while it is unset. */
  readonly fallback: string | undefined;
  readonly help: string;
};

/** Declares a standard variable that the service honours. */
export const honoured = <Value>(parse: Parser<Value>, fallback: string | undefined, help: string) => ({
  parse,
  fallback,
  help,
});

/** The protocols of OTLP, which all signals have. */
export const protocol = word(['grpc', 'http/protobuf', 'http/json']);
