export { webhookBodies } from './bodies.ts';
export { createDelivery } from './delivery/delivery.ts';
export { createOutbox, type Outbox } from './outbox/outbox.ts';
export { removeDeliveriesOfDeletedWebhooks, removeOldWebhookEvents, removeWebhooksOf } from './retention.ts';
export { createSender } from './sender/sender.ts';
export { createWebhookSecrets } from './signatures.ts';
export { createWebhookRoutes } from './webhook-routes.ts';
export { createWebhooks } from './webhooks.ts';
