import { propagation, trace, type Context, type TextMapPropagator } from '@opentelemetry/api';
import { CompositePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { B3Propagator } from '@opentelemetry/propagator-b3';
import { createJaegerPropagator } from './jaeger-propagator.ts';

export type PropagatorName = 'tracecontext' | 'baggage' | 'b3' | 'b3multi' | 'jaeger' | 'none';

/**
 * Each kind of headers with the header that shows that a request has a trace. A request without one is not given to the
 * propagator, because extraction costs time.
 */
const readers: Readonly<
  Record<string, { readonly headers: readonly string[]; readonly create: () => TextMapPropagator }>
> = {
  tracecontext: { headers: ['traceparent'], create: () => new W3CTraceContextPropagator() },
  b3: { headers: ['b3', 'x-b3-traceid'], create: () => new B3Propagator() },
  jaeger: { headers: ['uber-trace-id'], create: createJaegerPropagator },
};

/** `tracestate` is a text of the caller, and each span of the request would have it. */
const withoutTraceState = (context: Context): Context => {
  const spanContext = trace.getSpanContext(context);
  if (spanContext?.traceState === undefined) return context;
  const { traceState: _, ...rest } = spanContext;
  return trace.setSpanContext(context, rest);
};

/**
 * Reads the trace of a caller and writes nothing. The instrumentations of HTTP clients call `inject` for each request, so
 * a propagator that writes would send trace ids, `tracestate` and baggage of callers to every third party. Code that
 * continues a trace elsewhere does so by name, with `traceparentOf`. Baggage and `tracestate` are dropped, because no part of
 * the service reads them. `fields` are the headers that show that a request has a trace.
 */
export const createInboundPropagator = (names: readonly PropagatorName[]): TextMapPropagator => {
  const kinds = names.includes('none') ? [] : names.map((name) => (name === 'b3multi' ? 'b3' : name));
  const chosen = Object.entries(readers).flatMap(([kind, reader]) =>
    kinds.some((name) => name === kind) ? [reader] : [],
  );
  const propagator = new CompositePropagator({ propagators: chosen.map(({ create }) => create()) });
  const headers = chosen.flatMap((reader) => reader.headers);
  return {
    inject: () => {},
    extract: (context, carrier, getter) =>
      withoutTraceState(propagation.deleteBaggage(propagator.extract(context, carrier, getter))),
    fields: () => [...headers],
  };
};
