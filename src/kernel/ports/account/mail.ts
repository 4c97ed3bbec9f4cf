import type { Transaction } from '../unit-of-work.ts';

/** Closed set: the `kind` label of the mail metric. What each message says is written when it is sent. */
export const mailKinds = [
  'registration',
  'password_reset',
  'password_changed',
  'email_change',
  'email_approval',
  'email_changed',
  'removal_planned',
  'removal_cancelled',
  'second_factor_enabled',
  'second_factor_removed',
] as const;
export type MailKind = (typeof mailKinds)[number];

/** One message that waits or was sent. It has no text, because a text can hold a token. */
export type MailRequest = {
  readonly kind: MailKind;
  /** An e-mail address in its stored form (lower case). */
  readonly recipient: string;
  /** The account that the message is about, if it is known. */
  readonly userId?: string;
  /** The account whose user asks for the message. It is absent if the caller is anonymous. */
  readonly causedByUser?: string;
  /**
   * Only of a registration that waits for the proof of its address: the hash of its password. It belongs to the request,
   * because others can register the same address before the message is sent.
   */
  readonly passwordHash?: string;
};

export type Letter = { readonly subject: string; readonly text: string };

/**
 * Writes the text of a message right before an attempt to send it. A token of the message is made here, so that only its
 * digest is ever stored. @returns undefined if nothing must be sent, for example because the address has no account
 */
export type WriteLetter = (message: MailRequest) => Promise<Letter | undefined>;

export type Mail = {
  /** False: the service sends no mail. Then routes that need it are refused, and notices are left out. */
  readonly isConfigured: boolean;
  /**
   * Stores a message that a caller asked for. Above the max number of messages of this kind to this recipient it stores
   * nothing. The caller cannot see the difference, so it must not be told.
   * @returns whether the message was stored
   * @throws AppError `mail_not_configured`; `quota_exceeded` when too many messages of this cause wait;
   * `rate_limit_exceeded` when the account or the network of the caller has caused the max number of messages
   */
  readonly request: (transaction: Transaction, message: MailRequest) => Promise<boolean>;
  /** Stores a notice about a change. Above a limit it is left out, so that it never fails the change. */
  readonly notify: (transaction: Transaction, message: MailRequest) => Promise<void>;
  /**
   * Removes the messages to an address that its account gives up, without those that name the account: they hold the
   * address, and the erasure of the account would not find them.
   */
  readonly forget: (transaction: Transaction, address: string) => Promise<void>;
};

/** For commands and tests without mail. */
export const noMail: Mail = {
  isConfigured: false,
  request: async () => false,
  notify: async () => {},
  forget: async () => {},
};
