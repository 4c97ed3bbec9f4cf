import { mailKinds } from '../../ports/account/mail.ts';
import type { MetricDeclaration } from './declaration.ts';

/** E-mail. The duration of deliveries is in `volwatch_dependency_request_duration_seconds` of the dependency smtp. */
export const mailMetrics = {
  volwatch_mail_messages_total: {
    type: 'counter',
    help: 'Attempts to send messages by outcome. failed: it is tried again. dropped: nothing had to be sent. limited: not stored, because of a limit',
    labels: { kind: mailKinds, outcome: ['sent', 'failed', 'dropped', 'dead', 'limited'] },
  },
  volwatch_mail_oldest_waiting_seconds: {
    type: 'gauge',
    help: 'Age of the message that waits for the longest time, 0 if no message waits',
    labels: {},
  },
} as const satisfies Record<string, MetricDeclaration>;
