import { createHmac } from 'node:crypto';

const prefix = 'whsec_';

export type WebhookSecrets = {
  /** `whsec_` and 32 bytes in base64, which only a holder of the server's key can know. */
  readonly of: (webhookId: string, version: number) => string;
};

/** Secrets are computed when they are needed, so there is none in the database to be read. */
export const createWebhookSecrets = ({ key }: { readonly key: string | Uint8Array }): WebhookSecrets => ({
  of: (webhookId, version) => prefix + createHmac('sha256', key).update(`${webhookId}.${version}`).digest('base64'),
});

/**
 * `v1,` and HMAC-SHA256 over `id.timestamp.body` in base64: Standard Webhooks, symmetric signatures
 * (github.com/standard-webhooks/standard-webhooks, spec).
 * @param timestamp Unix seconds
 */
export const signatureOf = (
  secret: string,
  { id, timestamp, body }: { readonly id: string; readonly timestamp: number; readonly body: string },
): string => {
  const key = Buffer.from(secret.slice(prefix.length), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
};
