import type { Migration } from '../migration.ts';

/**
 * A new delivery locked its webhook, so the deletion of the webhook, and with it the end of its owner, waited while events were distributed. The statement
 * is alone, because it locks both tables against reads until its commit.
 */
export const deliveriesLockNoWebhook: Migration = {
  name: '0067-deliveries-lock-no-webhook',
  up: ['alter table webhook_delivery drop constraint webhook_delivery_webhook_id_foreign'],
  down: [
    'delete from webhook_delivery where not exists (select 1 from webhook where id = webhook_id)',
    `alter table webhook_delivery add constraint webhook_delivery_webhook_id_foreign
       foreign key (webhook_id) references webhook (id) on delete cascade`,
  ],
};
