import { ROOT_CONTEXT, SpanKind, trace, TraceFlags } from '@opentelemetry/api';
import { SamplingDecision } from '@opentelemetry/sdk-trace';
import test from 'ava';
import { readOpenTelemetry } from '#src/config/opentelemetry/opentelemetry.ts';
import { createSampler } from '#src/telemetry/tracing/samplers.ts';

const traceId = 'a'.repeat(32);

/** Whether the span of a request is recorded whose `traceparent` has these flags. */
const isRecorded = (environment: Readonly<Record<string, string>>, traceFlags: TraceFlags): boolean => {
  const caller = { traceId, spanId: 'b'.repeat(16), traceFlags, isRemote: true };
  const context = trace.setSpanContext(ROOT_CONTEXT, caller);
  const sampler = createSampler(readOpenTelemetry(environment).settings);
  const { decision } = sampler.shouldSample(context, traceId, 'request', SpanKind.SERVER, {}, []);
  return decision === SamplingDecision.RECORD_AND_SAMPLED;
};

test('the flag of a caller neither hides a request nor records it, unless the sampler is based on the parent', (t) => {
  t.true(isRecorded({}, TraceFlags.NONE));
  t.true(isRecorded({}, TraceFlags.SAMPLED));
  const none = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' };
  t.false(isRecorded(none, TraceFlags.SAMPLED));
  t.true(isRecorded({ ...none, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio' }, TraceFlags.SAMPLED));
  t.false(isRecorded({ OTEL_TRACES_SAMPLER: 'parentbased_always_on' }, TraceFlags.NONE));
});
