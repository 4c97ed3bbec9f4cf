import { isSpanContextValid, trace, TraceFlags, type TextMapPropagator } from '@opentelemetry/api';

const header = 'uber-trace-id';
/** `trace-id:span-id:parent-id:flags`, in hex. Leading zeros may be missing, and the value may be URL-encoded. */
const pattern = /^([0-9a-f]{1,32}):([0-9a-f]{1,16}):[0-9a-f]{1,16}:([0-9a-f]{1,2})$/i;

/** Reads the header of Jaeger clients. The published propagator for it is out of date, and this service never writes it. */
export const createJaegerPropagator = (): TextMapPropagator => ({
  inject: () => {},
  extract: (context, carrier, getter) => {
    const value = getter.get(carrier, header);
    const text = (Array.isArray(value) ? value[0] : value)?.replaceAll(/%3a/gi, ':').trim();
    const [, traceId = '', spanId = '', flags = ''] = pattern.exec(text ?? '') ?? [];
    const spanContext = {
      traceId: traceId.toLowerCase().padStart(32, '0'),
      spanId: spanId.toLowerCase().padStart(16, '0'),
      traceFlags: (Number.parseInt(flags, 16) & 1) === 1 ? TraceFlags.SAMPLED : TraceFlags.NONE,
      isRemote: true,
    };
    return isSpanContextValid(spanContext) ? trace.setSpanContext(context, spanContext) : context;
  },
  fields: () => [header],
});
