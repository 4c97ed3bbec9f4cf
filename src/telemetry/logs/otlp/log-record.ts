import { SeverityNumber, trace, type AnyValue, type Attributes, type LogRecord } from '@opentelemetry/api';
import type { DescribedError } from '../redaction.ts';

export type LineLevel = 'debug' | 'info' | 'warn' | 'error';

/** A line of the log: redacted, as stdout has it. */
export type LogLine = {
  readonly level: LineLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

const severities: Readonly<Record<LineLevel, SeverityNumber>> = {
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
};

/** Fields that the record has a place of its own for, which the SDK fills from the active span. */
const ofSpan: ReadonlySet<string> = new Set(['trace_id', 'span_id']);
const errorFields: ReadonlySet<string> = new Set(['err', 'error']);

const isDescribedError = (value: unknown): value is DescribedError =>
  typeof value === 'object' && value !== null && 'type' in value && 'message' in value;

const exceptionAttributes = ({ type, message, stack, ...rest }: DescribedError): Attributes => ({
  'exception.type': type,
  'exception.message': message,
  ...(stack !== undefined && { 'exception.stacktrace': stack }),
  ...(rest.code !== undefined && { 'volwatch.exception.code': rest.code }),
  ...(rest.cause !== undefined && { 'volwatch.exception.cause': rest.cause }),
});

/** A value as OTLP knows it: a date becomes a text, and what JSON leaves out is left out. */
const valueOf = (value: unknown): AnyValue => {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(valueOf);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, valueOf(member)]));
  }
  return ['string', 'number', 'boolean'].includes(typeof value) ? value : null;
};

/**
 * The attributes have the names of the fields in the line, so that one question finds both. Only an error has the names of
 * the semantic conventions (`exception.*`); what they do not have is in our namespace.
 */
const attributesOf = (fields: LogLine['fields'], isOfSpan: boolean): Attributes => {
  const attributes: Attributes = {};
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined || value === null || (isOfSpan && ofSpan.has(name))) continue;
    if (errorFields.has(name) && isDescribedError(value)) Object.assign(attributes, exceptionAttributes(value));
    else attributes[name] = valueOf(value);
  }
  return attributes;
};

/** The record of a line. Must run where the line is written, because the active span is a part of it. */
export const logRecordOf = ({ level, message, fields }: LogLine): LogRecord => {
  const active = trace.getActiveSpan()?.spanContext();
  const isOfSpan = active?.traceId === fields['trace_id'] && active?.spanId === fields['span_id'];
  return {
    severityNumber: severities[level],
    severityText: level.toUpperCase(),
    body: message,
    attributes: attributesOf(fields, active !== undefined && isOfSpan),
  };
};
