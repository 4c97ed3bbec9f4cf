import { propagation, type TextMapPropagator } from '@opentelemetry/api';

/**
 * Reads the trace of a caller and writes nothing. The instrumentations of HTTP clients call `inject` for each request, so
 * a propagator that writes would send trace ids, `tracestate` and baggage of callers to every third party. Code that
 * continues a trace elsewhere does so by name, with `traceparentOf`. Baggage is dropped, because no part of the service
 * reads it.
 */
export const inboundOnly = (propagator: TextMapPropagator): TextMapPropagator => ({
  inject: () => {},
  extract: (context, carrier, getter) => propagation.deleteBaggage(propagator.extract(context, carrier, getter)),
  fields: () => [],
});
