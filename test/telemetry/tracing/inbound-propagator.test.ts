import { defaultTextMapGetter, defaultTextMapSetter, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import test from 'ava';
import { createInboundPropagator, type PropagatorName } from '#src/telemetry/tracing/inbound-propagator.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const headersOf = {
  tracecontext: { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'a=b' },
  b3: { b3: `${traceId}-${spanId}-1` },
  b3multi: { 'x-b3-traceid': traceId, 'x-b3-spanid': spanId, 'x-b3-sampled': '1' },
  jaeger: { 'uber-trace-id': `${traceId}:${spanId}:0:1` },
} as const;
const read = (names: readonly PropagatorName[], headers: object) =>
  trace.getSpanContext(createInboundPropagator(names).extract(ROOT_CONTEXT, headers, defaultTextMapGetter));

for (const [name, headers] of Object.entries(headersOf)) {
  test(`${name}: the trace of a request is read, and nothing is written`, (t) => {
    const propagator = createInboundPropagator([name as PropagatorName]);
    const context = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
    t.like(trace.getSpanContext(context), { traceId, spanId, traceFlags: 1, isRemote: true });
    t.is(trace.getSpanContext(context)?.traceState, undefined);
    t.true(
      propagator.fields().some((field) => Object.hasOwn(headers, field)),
      'the header is looked for',
    );
    const written = {};
    propagator.inject(context, written, defaultTextMapSetter);
    t.deepEqual(written, {});
  });
}

test('only the chosen headers are read; baggage and none read nothing', (t) => {
  const all = Object.assign({ baggage: 'user=1' }, ...Object.values(headersOf)) as object;
  t.is(read(['jaeger'], headersOf.b3), undefined);
  t.is(read(['none', 'b3'], all), undefined);
  t.is(read(['baggage'], all), undefined);
  const context = createInboundPropagator(['baggage', 'tracecontext']).extract(ROOT_CONTEXT, all, defaultTextMapGetter);
  t.is(propagation.getBaggage(context), undefined);
  t.is(trace.getSpanContext(context)?.traceId, traceId);
});

test('a Jaeger header with short ids or URL-encoded is read, and a malformed one is ignored', (t) => {
  const jaeger = (value: string) => read(['jaeger'], { 'uber-trace-id': value });
  t.like(jaeger('1%3A2%3A0%3A0'), { traceId: '1'.padStart(32, '0'), spanId: '2'.padStart(16, '0'), traceFlags: 0 });
  for (const value of [
    '',
    '0:0:0:1',
    `${traceId}:${spanId}`,
    `${traceId}0:1:0:1`,
    'x:1:0:1',
    `${traceId}:${spanId}:0:1:1`,
  ]) {
    t.is(jaeger(value), undefined, value);
  }
});
