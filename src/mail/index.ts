export { createMailDelivery } from './delivery.ts';
export { createMailbox, type Mailbox } from './mailbox.ts';
export { createMailLimits, type TokenSeconds } from './mail-limits.ts';
export { createOutbox, type Outbox } from './outbox.ts';
export { removeMailOf, removeOldMail } from './retention.ts';
export { createSmtp, type Smtp } from './smtp.ts';
export { createWaitingGauge } from './waiting-gauge.ts';
