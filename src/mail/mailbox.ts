import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Envelope, Send } from './send.ts';

export type MailboxDeps = { readonly clock: Clock; readonly logger: Logger };

type Kept = Envelope & { readonly sent_at: string };

export type Mailbox = {
  readonly send: Send;
  /** The kept messages, newest first. */
  readonly list: () => readonly Kept[];
};

const maxMessages = 100;

/**
 * For development without an SMTP server: messages stay in the memory of the process that sends them. The log says only
 * that a message waits, because tokens must not be in logs.
 */
export const createMailbox = ({ clock, logger }: MailboxDeps): Mailbox => {
  const messages: Kept[] = [];
  return {
    send: async (envelope) => {
      messages.unshift({ ...envelope, sent_at: clock.now().toISOString() });
      messages.splice(maxMessages);
      logger.info({ message_id: envelope.id }, 'a message waits: read it with GET /dev/mailbox on the admin port');
      return 'sent';
    },
    list: () => messages,
  };
};
