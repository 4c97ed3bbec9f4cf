import type { Letter } from '#src/kernel/ports/account/mail.ts';
import { newFactorDays } from '../second-factor/second-factor.ts';

const letter = (subject: string, ...paragraphs: readonly string[]): Letter => ({
  subject,
  text: `${[...paragraphs, 'Volwatch'].join('\n\n')}\n`,
});

/** @param step the link or the token */
type WithStep = (step: string) => Letter;

export const verification: WithStep = (step) =>
  letter(
    'Confirm your e-mail address',
    'An account was opened with this address. If you opened it, confirm the address here:',
    step,
    'If it was not you, do not confirm, and ignore this message.',
  );

export const addressTaken: Letter = letter(
  'Your address was used',
  'Somebody tried to use this address for an account. It already has an account, and nothing was changed.',
  'If it was you, sign in, or reset your password. If it was not you, you need not do anything.',
);

export const addressContested: WithStep = (step) =>
  letter(
    'Choose a password for your account',
    'Somebody asked for an account with this address, or to confirm it. There is one already, and perhaps somebody else opened it.',
    'If you want to use it, choose its password here. Its sign-ins, API keys, webhooks, connected calendar and second factor end:',
    step,
    'If it was not you, ignore this message.',
  );

export const passwordReset: WithStep = (step) =>
  letter(
    'Reset your password',
    'Somebody asked to reset the password of your account. If it was you, continue here:',
    step,
    'If it was not you, ignore this message. Your password stays as it is.',
  );

export const passwordChanged: Letter = letter(
  'Your password was changed',
  'The password of your account was changed, and your other sign-ins were ended.',
  'If it was not you, reset your password, and end the API keys, webhooks and calendars that you do not know.',
);

export const emailChange: WithStep = (step) =>
  letter(
    'Confirm your new e-mail address',
    'This address was given as the new address of an account. If you asked for that, sign in to this account and confirm the address here:',
    step,
    'If it was not you, ignore this message. Nobody else can confirm it.',
  );

export const emailApproval = (step: string, newEmail: string): Letter =>
  letter(
    'Approve the change of your e-mail address',
    'Somebody who knows your password wants to change the address of your account. The new address would be:',
    newEmail,
    'If it was you, and this is your address, approve the change here:',
    step,
    'If it was not you, do not approve it, and reset your password. A reset ends the change, which can be made without approval after three days if you have never confirmed your address.',
  );

export const emailChanged: Letter = letter(
  'Your e-mail address was changed',
  'Your account has another e-mail address now. Messages go to that address from now on.',
);

export const removalPlanned: Letter = letter(
  'Your account will be removed',
  'Somebody who knows your password asked to remove your account. All sign-ins were ended.',
  'Sign in before the day of the removal if you want to keep the account. If it was not you, reset your password: this cancels the removal too.',
);

export const removalCancelled: Letter = letter(
  'Your account stays',
  'Somebody signed in to your account or reset its password, so its removal was cancelled.',
  'If it was not you, reset your password.',
);

export const secondFactorEnabled: Letter = letter(
  'A second factor was added',
  'Your account has a second factor now: a sign-in also needs a code of an authenticator, or a recovery code.',
  `If it was not you, reset your password within ${newFactorDays} days: this removes the second factor too. Then end the API keys, webhooks and calendars that you do not know.`,
);

export const secondFactorRemoved: Letter = letter(
  'Your second factor was removed',
  'A sign-in to your account needs no code of an authenticator any more.',
  'If it was not you, and you have not just reset your password, reset it now, and add a second factor again.',
);
