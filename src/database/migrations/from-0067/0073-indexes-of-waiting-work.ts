import type { Migration } from '../migration.ts';

/**
 * For events and deliveries that have lost their job: they are looked for each five minutes. Callers can make both tables large, and the build of an index
 * stops all writes, so an operator can build them concurrently before.
 */
export const indexesOfWaitingWork: Migration = {
  name: '0073-indexes-of-waiting-work',
  up: [
    'create index if not exists webhook_event_waiting_index on webhook_event (id) where fanned_out_at is null',
    `create index if not exists webhook_delivery_waiting_index on webhook_delivery (created_at) where state = 'waiting'`,
  ],
  down: ['drop index webhook_delivery_waiting_index', 'drop index webhook_event_waiting_index'],
};
