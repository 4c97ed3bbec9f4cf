import type { PageRequest } from '#src/kernel/lists/pages.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { WebhookEventType, WebhookOutcome } from '#src/kernel/ports/webhooks.ts';
import type { DeliveryState, DisabledReason } from './entities.ts';
import type { testEventType } from './event-types.ts';

/** A webhook as its owner sees it. The secret is shown only at creation and at rotation. */
export type Webhook = {
  readonly id: string;
  readonly url: string;
  readonly events: WebhookEventType[];
  readonly status: 'active' | 'disabled';
  readonly disabled_reason: DisabledReason | null;
  readonly disabled_at: Date | null;
  readonly rotated_at: Date | null;
  readonly created_at: Date;
};

export type Delivery = {
  /** The receiver gets it as `webhook-id`. */
  readonly event_id: string;
  readonly type: WebhookEventType | typeof testEventType;
  readonly state: DeliveryState;
  readonly attempts: number;
  /** Status of the last attempt. `outcome`, `duration_ms` and `attempted_at` belong to the last attempt too. */
  readonly status: number | null;
  readonly outcome: WebhookOutcome | null;
  readonly duration_ms: number | null;
  readonly attempted_at: Date | null;
  readonly created_at: Date;
};

type WithSecret = Webhook & { readonly secret: string };

/**
 * Each method throws AppError `resource_not_found` for a webhook that does not exist or has another owner, and
 * `scope_insufficient` for API keys.
 */
export type Webhooks = {
  /** @throws AppError `validation_failed` when the owner has the max number of webhooks */
  readonly register: (
    owner: Principal,
    wanted: { readonly url: string; readonly events: readonly WebhookEventType[] },
  ) => Promise<WithSecret>;
  /** The oldest webhook comes first. */
  readonly list: (owner: Principal, page: PageRequest) => Promise<readonly Webhook[]>;
  readonly find: (owner: Principal, id: string) => Promise<Webhook>;
  readonly remove: (owner: Principal, id: string) => Promise<void>;
  /** Gives the webhook a new secret. For a limited time the previous secret signs too. */
  readonly rotate: (owner: Principal, id: string) => Promise<WithSecret>;
  /**
   * Sends a `webhook.test`, also to a disabled webhook. A test that arrives enables the webhook.
   * @returns the id of the event
   * @throws AppError `quota_exceeded` when the stored tests of the owner reach their max number
   */
  readonly test: (owner: Principal, id: string) => Promise<string>;
  /** The newest delivery comes first. */
  readonly deliveries: (owner: Principal, id: string, page: PageRequest) => Promise<readonly Delivery[]>;
};
