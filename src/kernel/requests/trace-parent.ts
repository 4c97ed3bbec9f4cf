import { isSpanContextValid, ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api';

/**
 * The `traceparent` (W3C Trace Context) of the current span. It is the only value of a trace that may be stored with work
 * or sent to receivers. `tracestate` and baggage are texts of the caller, so they stay in the request.
 */
export const traceparentOf = (context: Context): string | undefined => {
  const span = trace.getSpanContext(context);
  if (!span || !isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`;
};

const pattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** The context whose trace a stored `traceparent` names; the root context for a missing or malformed one. */
export const contextOfTraceparent = (traceparent: string | undefined): Context => {
  const [, traceId = '', spanId = '', flags = '00'] = pattern.exec(traceparent ?? '') ?? [];
  const span = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(span) ? trace.setSpanContext(ROOT_CONTEXT, span) : ROOT_CONTEXT;
};
