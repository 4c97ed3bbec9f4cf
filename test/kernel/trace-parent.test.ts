import { createTraceState, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import test from 'ava';
import { contextOfTraceparent, traceparentOf } from '#src/kernel/requests/trace-parent.ts';

const traceId = 'a'.repeat(32);
const spanId = 'b'.repeat(16);

test('a trace is written without its tracestate and read back', (t) => {
  const traceState = createTraceState('caller=secret');
  for (const [traceFlags, flags] of [
    [TraceFlags.NONE, '00'],
    [TraceFlags.SAMPLED, '01'],
  ] as const) {
    const written = traceparentOf(trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, traceState }));
    t.is(written, `00-${traceId}-${spanId}-${flags}`);
    const read = trace.getSpanContext(contextOfTraceparent(written));
    t.deepEqual(read, { traceId, spanId, traceFlags, isRemote: true });
  }
});

test('without a span nothing is written; a missing or malformed value is no trace', (t) => {
  t.is(traceparentOf(ROOT_CONTEXT), undefined);
  const malformed = [undefined, '', 'x', `00-${'0'.repeat(32)}-${spanId}-01`, `00-${traceId}-${spanId}-01-x`];
  for (const text of malformed) t.is(contextOfTraceparent(text), ROOT_CONTEXT, text);
});
