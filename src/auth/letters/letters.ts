import type { MailKind, MailRequest, Letter, WriteLetter } from '#src/kernel/ports/account/mail.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { TokenHolder } from './account-token-reads.ts';
import type { AccountTokens } from './account-tokens.ts';
import { createLetterReads, type LetterReadsDeps } from './letter-reads.ts';
import type { AccountTokenPurpose } from '../account-entities.ts';
import * as texts from './texts.ts';

export type LettersDeps = LetterReadsDeps & {
  readonly unitOfWork: UnitOfWork;
  readonly tokens: AccountTokens;
  /** Page of the front end that completes the steps. Undefined: messages have the token alone. */
  readonly pageUrl: string | undefined;
};

type Write = (message: MailRequest) => Promise<Letter | undefined>;

/** Writes the messages to users. Each token is made here, right before its message is sent. */
export const createLetters = (deps: LettersDeps): WriteLetter => {
  const { unitOfWork, tokens, pageUrl } = deps;
  const { findHolder, isWaitingFor, findUnapproved } = createLetterReads(deps);

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
      if (holder.isContested) return texts.addressContested(await newStep('password-reset', 'password_reset', holder));
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
      // The address can have been given up while the message waited. Its owner must not see the new one.
      if ((await findHolder(email))?.userId !== userId) return undefined;
      const newEmail = await findUnapproved(userId);
      if (newEmail === undefined) return undefined;
      return texts.emailApproval(await newStep('email', 'email_approval', { userId, email, newEmail }), newEmail);
    },
    email_changed: async () => texts.emailChanged,
    removal_planned: async () => texts.removalPlanned,
    removal_cancelled: async () => texts.removalCancelled,
    second_factor_enabled: async () => texts.secondFactorEnabled,
    second_factor_removed: async () => texts.secondFactorRemoved,
  };

  return (message) => letters[message.kind](message);
};
