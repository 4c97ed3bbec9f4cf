import type { z } from 'zod';
import type { Components } from './components.ts';
import type { Json } from './json.ts';

const header = (name: string, description: string): Json => ({
  name,
  in: 'header',
  required: true,
  description,
  schema: { type: 'string' },
});

/** The headers of Standard Webhooks. */
const parameters: readonly Json[] = [
  header('webhook-id', 'The id of the event. It stays the same when a delivery is repeated'),
  header('webhook-timestamp', 'Time of this attempt, in Unix seconds'),
  header('webhook-signature', 'Space-separated signatures. Each is `v1,` followed by an HMAC-SHA256 in base64'),
];

/** `refresh.succeeded` -> `webhookRefreshSucceeded`. */
const operationIdOf = (type: string): string =>
  `webhook${type
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join('')}`;

/** What receivers of webhooks get: one item for each event type. */
export const webhooksOf = (bodies: Readonly<Record<string, z.ZodType>>, components: Components): Json =>
  Object.fromEntries(
    Object.entries(bodies).map(([type, body]) => [
      type,
      {
        post: {
          operationId: operationIdOf(type),
          tags: ['Webhooks'],
          summary: `The event ${type}`,
          description: `Sent to each active webhook that has subscribed to \`${type}\`. The receiver must verify the signature.`,
          security: [],
          parameters,
          requestBody: {
            required: true,
            content: { 'application/json': { schema: components.schemaOf(body, 'output') } },
          },
          responses: {
            '2XX': { description: 'The event has arrived' },
            '410': { description: 'The receiver is gone: the webhook is disabled' },
            default: { description: 'The delivery is repeated later' },
          },
        },
      },
    ]),
  );
