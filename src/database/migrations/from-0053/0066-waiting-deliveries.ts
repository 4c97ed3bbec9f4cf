import type { Migration } from '../migration.ts';

/** Each event counts the waiting deliveries of its webhooks. Without the index it would read all their deliveries. */
export const waitingDeliveries: Migration = {
  name: '0066-waiting-deliveries',
  up: ['create index webhook_delivery_state_index on webhook_delivery (webhook_id, state)'],
  down: ['drop index webhook_delivery_state_index'],
};
