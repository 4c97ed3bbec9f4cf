import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { dateParameter, fieldsQuery, pageQuery } from '#src/kernel/lists/pagination.ts';
import { webhookEventTypes, webhookOutcomes } from '#src/kernel/ports/webhooks.ts';
import { testEventType } from './event-types.ts';
import { deliveryStates, disabledReasons } from './entities.ts';
import { receiverFaults, type ReceiverRules } from './receiver-url.ts';
import type { Delivery, Webhook } from './webhook.ts';

const instant = z.iso.datetime();
const maxUrlCharacters = 2_048;

export const webhookSchema = z
  .strictObject({
    id: z.uuid(),
    url: z.string(),
    events: z.array(z.enum(webhookEventTypes)),
    status: z.enum(['active', 'disabled']),
    disabled_reason: z.enum(disabledReasons).nullable(),
    disabled_at: instant.nullable(),
    rotated_at: instant.nullable(),
    created_at: instant,
  })
  .meta({ id: 'Webhook' });
export const withSecret = webhookSchema
  .extend({ secret: z.string() })
  .meta({ id: 'WebhookWithSecret', description: 'The secret is shown once' });
export const deliverySchema = z
  .strictObject({
    event_id: z.uuid(),
    type: z.enum([...webhookEventTypes, testEventType]),
    state: z.enum(deliveryStates),
    attempts: z.int().min(0),
    status: z.int().nullable(),
    outcome: z.enum(webhookOutcomes).nullable(),
    duration_ms: z.int().min(0).nullable(),
    attempted_at: instant.nullable(),
    created_at: instant,
  })
  .meta({ id: 'WebhookDelivery' });

export const listQuery = (item: z.ZodObject) =>
  z.strictObject({
    ...pageQuery,
    from: dateParameter.optional(),
    to: dateParameter.optional(),
    fields: fieldsQuery(item),
  });

const isoText = (at: Date | null): string | null => at?.toISOString() ?? null;

/** A webhook as JSON. */
export const shown = ({ disabled_at: disabled, rotated_at: rotated, created_at: created, ...webhook }: Webhook) => ({
  ...webhook,
  disabled_at: isoText(disabled),
  rotated_at: isoText(rotated),
  created_at: created.toISOString(),
});
/** A delivery as JSON. */
export const shownDelivery = ({ attempted_at: attempted, created_at: created, ...delivery }: Delivery) => ({
  ...delivery,
  attempted_at: isoText(attempted),
  created_at: created.toISOString(),
});

const receiverUrl = (rules: ReceiverRules) =>
  boundedText(maxUrlCharacters).superRefine((value, issues) => {
    for (const message of receiverFaults(value, rules)) issues.addIssue({ code: 'custom', message });
  });

/** The body of a registration. Repeated events are removed; events have the order of the catalogue. */
export const wantedWebhook = (rules: ReceiverRules) =>
  z
    .strictObject({
      url: receiverUrl(rules),
      events: z
        .array(z.enum(webhookEventTypes))
        .min(1)
        .max(webhookEventTypes.length)
        .transform((events) => webhookEventTypes.filter((type) => events.includes(type)))
        .meta({ examples: [[webhookEventTypes[0]]] }),
    })
    .meta({ id: 'WebhookRequest' });
