import type { MailKind, MailRequest, Letter, WriteLetter } from '#src/kernel/ports/account/mail.ts';
import type { Reader, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { isDisabledSql } from '../users/users.ts';
import type { AccountTokens, TokenHolder } from './account-tokens.ts';
import type { AccountTokenPurpose } from '../entities.ts';
import * as texts from './texts.ts';

export type LettersDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly tokens: AccountTokens;
  /** Page of the front end that completes the steps. Undefined: messages have the token alone. */
  readonly pageUrl: string | undefined;
};

type Write = (message: MailRequest) => Promise<Letter | undefined>;

type Holder = TokenHolder & { readonly isVerified: boolean };

/** Writes the messages to users. Each token is made here, right before its message is sent. */
export const createLetters = ({ unitOfWork, reader, tokens, pageUrl }: LettersDeps): WriteLetter => {
  const findHolder = async (email: string): Promise<Holder | undefined> => {
    const [found] = await reader.query<{ id: string; verified: boolean }>(
      `select account.id, email_verified_at is not null as verified from user_account as account
       where email = $1 and not (${isDisabledSql})`,
      [email],
    );
    return found && { userId: found.id, email, isVerified: found.verified };
  };

  /** The new address of the change that waits for this account, if it is `email`. */
  const isWaitingFor = async (userId: string, email: string): Promise<boolean> =>
    (await reader.query('select 1 from email_change where user_id = $1 and new_email = $2', [userId, email])).length >
    0;

  /** The new address of the change that waits for its approval. */
  const findUnapproved = async (userId: string): Promise<string | undefined> => {
    const [change] = await reader.query<{ new_email: string }>(
      'select new_email from email_change where user_id = $1 and approved_at is null',
      [userId],
    );
    return change?.new_email;
  };

  /** The token is behind `#`, because a browser sends this part of a link to no server. */
  const newStep = async (action: string, purpose: AccountTokenPurpose, holder: TokenHolder): Promise<string> => {
    const token = await unitOfWork.run({ operation: 'account.token' }, (transaction) =>
      tokens.create(transaction, purpose, holder),
    );
    return pageUrl === undefined ? `Your token: ${token}` : `${pageUrl}#${action}=${token}`;
  };

  const letters: Readonly<Record<MailKind, Write>> = {
    registration: async ({ recipient, passwordHash }) => {
      const holder = await findHolder(recipient);
      if (!holder) return undefined;
      if (holder.isVerified) return texts.addressTaken;
      return texts.verification(await newStep('email', 'email_verification', { ...holder, passwordHash }));
    },
    password_reset: async ({ recipient }) => {
      const holder = await findHolder(recipient);
      return holder && texts.passwordReset(await newStep('password-reset', 'password_reset', holder));
    },
    password_changed: async () => texts.passwordChanged,
    email_change: async ({ recipient: email, userId = '' }) => {
      if (!(await isWaitingFor(userId, email))) return undefined;
      if (await findHolder(email)) return texts.addressTaken;
      return texts.emailChange(await newStep('email', 'email_change', { userId, email }));
    },
    email_approval: async ({ recipient: email, userId = '' }) => {
      const newEmail = await findUnapproved(userId);
      if (newEmail === undefined) return undefined;
      return texts.emailApproval(await newStep('email', 'email_approval', { userId, email, newEmail }), newEmail);
    },
    email_changed: async () => texts.emailChanged,
    removal_planned: async () => texts.removalPlanned,
    removal_cancelled: async () => texts.removalCancelled,
  };

  return (message) => letters[message.kind](message);
};
