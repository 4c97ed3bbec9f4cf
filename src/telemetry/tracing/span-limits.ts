import type { SpanLimits } from '@opentelemetry/sdk-trace';
import type { OpenTelemetrySettings } from '../../config/index.ts';

/** A limit without a value is left out, because `undefined` would replace the default of the SDK. */
export const spanLimitsOf = (settings: OpenTelemetrySettings): SpanLimits => {
  const all = settings.OTEL_ATTRIBUTE_COUNT_LIMIT;
  const length = settings.OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT ?? settings.OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT;
  return {
    attributeCountLimit: settings.OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT ?? all ?? 64,
    eventCountLimit: settings.OTEL_SPAN_EVENT_COUNT_LIMIT ?? 32,
    linkCountLimit: settings.OTEL_SPAN_LINK_COUNT_LIMIT ?? 32,
    attributePerEventCountLimit: settings.OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT ?? all ?? 128,
    attributePerLinkCountLimit: settings.OTEL_LINK_ATTRIBUTE_COUNT_LIMIT ?? all ?? 128,
    ...(length !== undefined && { attributeValueLengthLimit: length }),
  };
};
