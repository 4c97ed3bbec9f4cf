import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type Sampler,
} from '@opentelemetry/sdk-trace';
import type { OpenTelemetrySettings } from '../../config/index.ts';

export const defaultSampler = 'parentbased_always_on';

export const createSampler = (settings: OpenTelemetrySettings): Sampler => {
  const name = settings.OTEL_TRACES_SAMPLER ?? defaultSampler;
  const root = name.endsWith('always_on')
    ? new AlwaysOnSampler()
    : name.endsWith('always_off')
      ? new AlwaysOffSampler()
      : new TraceIdRatioBasedSampler(settings.OTEL_TRACES_SAMPLER_ARG ?? 1);
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
};
