import type { SmtpFault } from './smtp-session.ts';

/**
 * `final`: the recipient does not exist, so that a later attempt cannot help. `doubtful`: the server says so of several recipients in a row, so it may refuse
 * everybody for a while.
 */
export type RecipientRefusal = 'final' | 'doubtful';

export type RecipientRefusals = {
  /** The server has taken a message. */
  readonly taken: () => void;
  /** @returns undefined for a fault that says nothing about the recipient */
  readonly judge: (fault: SmtpFault, recipient: string) => RecipientRefusal | undefined;
};

/** There is no such mailbox, or its name is not valid. Other codes are also those of a relay that refuses everybody for a while. */
const mailboxCodes: ReadonlySet<number | undefined> = new Set([550, 551, 553]);
/** The same codes come with a status of RFC 3463 when the server refuses the client or the sender: a policy, the address of the sender. */
const statusOfSender = /^5\.(?:7\.|1\.[78]$)/;
/** These say that the server knows its mailboxes and this is none: unknown, not valid, moved, a domain without mail (RFC 7505). */
const statusOfMailbox = /^5\.1\.(?:1|3|6|10)$/;
/** So many different recipients in a row do not all miss. */
const maxInRow = 3;

/**
 * Tells a recipient that does not exist from a server that refuses everybody. Messages to the first must not be tried again, and those of the second must
 * not be lost. See docs/decisions/0364 and 0367.
 */
export const createRecipientRefusals = (): RecipientRefusals => {
  const inRow = new Set<string>();
  return {
    taken: () => inRow.clear(),
    judge: ({ command, responseCode, status = '' }, recipient) => {
      if (command !== 'RCPT TO' || !mailboxCodes.has(responseCode) || statusOfSender.test(status)) return undefined;
      if (statusOfMailbox.test(status)) return 'final';
      if (inRow.size < maxInRow) inRow.add(recipient);
      return inRow.size < maxInRow ? 'final' : 'doubtful';
    },
  };
};
