import type { SmtpFault } from './smtp-session.ts';

export type RecipientRefusals = {
  /** The server has taken a message. */
  readonly taken: () => void;
  /** Whether the server refuses this recipient for ever, so that a later attempt cannot help. */
  readonly isOfRecipient: (fault: SmtpFault, recipient: string) => boolean;
};

/** There is no such mailbox, or its name is not valid. Other codes are also those of a relay that refuses everybody for a while. */
const mailboxCodes: ReadonlySet<number | undefined> = new Set([550, 551, 553]);
/** The same codes come with a status of RFC 3463 when the server refuses the client or the sender: a policy, the address of the sender. */
const statusOfSender = /^5\.(?:7\.|1\.[78]$)/;
/** So many different recipients in a row do not all miss. */
const maxInRow = 3;

/**
 * Tells a recipient that does not exist from a server that refuses everybody. Messages to the first must not be tried again, and those of the second must
 * not be lost. See docs/decisions/0364.
 */
export const createRecipientRefusals = (): RecipientRefusals => {
  const inRow = new Set<string>();
  return {
    taken: () => inRow.clear(),
    isOfRecipient: ({ command, responseCode, status }, recipient) => {
      if (command !== 'RCPT TO' || !mailboxCodes.has(responseCode)) return false;
      if (status !== undefined && statusOfSender.test(status)) return false;
      if (inRow.size < maxInRow) inRow.add(recipient);
      return inRow.size < maxInRow;
    },
  };
};
