import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type Sampler,
} from '@opentelemetry/sdk-trace';
import type { OpenTelemetrySettings } from '../../config/index.ts';

/**
 * Not that of the specification, `parentbased_always_on`: with it anybody hides his requests from the traces by a `traceparent`
 * with the flags `00`. See docs/decisions/0265.
 */
export const defaultSampler = 'always_on';

export const createSampler = (settings: OpenTelemetrySettings): Sampler => {
  const name = settings.OTEL_TRACES_SAMPLER ?? defaultSampler;
  const root = name.endsWith('always_on')
    ? new AlwaysOnSampler()
    : name.endsWith('always_off')
      ? new AlwaysOffSampler()
      : new TraceIdRatioBasedSampler(settings.OTEL_TRACES_SAMPLER_ARG ?? 1);
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
};
