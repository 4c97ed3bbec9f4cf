import type { Migration } from '../migration.ts';

/**
 * A new delivery locked its webhook, so the deletion of the webhook, and with it the end of its owner, waited while events were distributed. The indexes are for
 * events and deliveries that have lost their job: they are looked for each five minutes.
 */
export const deliveriesLockNoWebhook: Migration = {
  name: '0067-deliveries-lock-no-webhook',
  up: [
    'alter table webhook_delivery drop constraint webhook_delivery_webhook_id_foreign',
    'create index webhook_event_waiting_index on webhook_event (id) where fanned_out_at is null',
    `create index webhook_delivery_waiting_index on webhook_delivery (created_at) where state = 'waiting'`,
  ],
  down: [
    'drop index webhook_delivery_waiting_index',
    'drop index webhook_event_waiting_index',
    'delete from webhook_delivery where not exists (select 1 from webhook where id = webhook_id)',
    `alter table webhook_delivery add constraint webhook_delivery_webhook_id_foreign
       foreign key (webhook_id) references webhook (id) on delete cascade`,
  ],
};
