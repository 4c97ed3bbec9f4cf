import { createHmac } from 'node:crypto';

const prefix = 'whsec_';

export type WebhookSecrets = {
  /** `whsec_` and 32 bytes in base64. They are derived from the key of the server, the webhook and the version. */
  readonly of: (webhookId: string, version: number) => string;
};

/** Computes secrets when they are needed, so the database holds none. */
export const createWebhookSecrets = ({ key }: { readonly key: string | Uint8Array }): WebhookSecrets => ({
  of: (webhookId, version) => prefix + createHmac('sha256', key).update(`${webhookId}.${version}`).digest('base64'),
});

/** Whether the secrets before the last rotation sign too. */
export const isInOverlap = (rotatedAt: Date | null, now: Date, rotationMs: number): boolean =>
  rotatedAt !== null && now.getTime() - rotatedAt.getTime() < rotationMs;

/**
 * Signs a message: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. This is the symmetric signature of
 * Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec).
 * @param timestamp Unix seconds
 */
export const signatureOf = (
  secret: string,
  { id, timestamp, body }: { readonly id: string; readonly timestamp: number; readonly body: string },
): string => {
  const key = Buffer.from(secret.slice(prefix.length), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
};
