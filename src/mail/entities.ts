import { defineEntity, p } from '@mikro-orm/core';
import type { ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { MailKind } from '#src/kernel/ports/account/mail.ts';

/** `dropped`: there was nothing to send, for example because the address has no account. `dead`: it was given up. */
export type MailState = 'waiting' | 'sent' | 'dropped' | 'dead';

/** `recipient_doubted`: the server refused the recipient, and may refuse everybody. A second such refusal is final, so no other failure has this code. */
export type MailErrorCode = ErrorCode | 'recipient_doubted';

/** The outbox. It holds no text and no token, because the text is written at the time of sending. */
export const MailMessageEntity = defineEntity({
  name: 'MailMessage',
  tableName: 'mail_message',
  indexes: [
    { name: 'mail_message_recipient_index', properties: ['recipient', 'kind', 'createdAt'] },
    { name: 'mail_message_state_index', properties: ['state', 'createdAt'] },
    { name: 'mail_message_caused_by_user_index', properties: ['causedByUser', 'createdAt'] },
    { name: 'mail_message_caused_by_network_index', properties: ['causedByNetwork', 'createdAt'] },
  ],
  properties: {
    id: p.uuid().primary(),
    kind: p.text().$type<MailKind>(),
    recipient: p.text(),
    userId: p.uuid().nullable(),
    /** The account whose user asked for the message. Null for anonymous requests and for notices. */
    causedByUser: p.uuid().nullable(),
    /** A keyed hash of the network of the request. Null for notices. */
    causedByNetwork: p.blob().nullable(),
    /** The hash of the password of the registration that waits for this message. Null as soon as the message is settled. */
    passwordHash: p.text().nullable(),
    state: p.text().$type<MailState>(),
    attempts: p.integer().default(0),
    /** The error code of the last attempt that failed. A doubt of the recipient stays. */
    errorCode: p.text().$type<MailErrorCode>().nullable(),
    createdAt: p.datetime(),
    settledAt: p.datetime().nullable(),
  },
});

export const mailEntities = [MailMessageEntity];
