import { z } from 'zod';
import { webhookEventTypes } from '#src/kernel/ports/webhooks.ts';
import { testEventType } from './event-types.ts';

/** `refresh.rolled_back` -> `RefreshRolledBackEvent`. */
const nameOf = (type: string): string =>
  `${type.replaceAll(/(?:^|[._])(\w)/g, (_, letter: string) => letter.toUpperCase())}Event`;

const bodyOf = (type: string, data: z.ZodType): z.ZodType =>
  z
    .strictObject({ type: z.literal(type), timestamp: z.iso.datetime().describe('When the event took place'), data })
    .meta({ id: nameOf(type) });

/** The bodies that receivers get, by event type. @param refresh schema of a refresh record */
export const webhookBodies = (refresh: z.ZodType): Readonly<Record<string, z.ZodType>> => ({
  ...Object.fromEntries(webhookEventTypes.map((type) => [type, bodyOf(type, refresh)])),
  [testEventType]: bodyOf(testEventType, z.strictObject({ webhook_id: z.uuid() }).meta({ id: 'WebhookTestData' })),
});
