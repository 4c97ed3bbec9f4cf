import type { MakeStep } from './step.ts';

const account = '/api/v1/account';

/** Waits for a message. @returns its token */
export type TokenOfMessage = (to: string, subject: string) => Promise<string>;

/** A forgotten password, a new password, another address, the export and the removal of an account without sign-ins. */
export const accountLifeSteps = (email: string, tokenOfMessage: TokenOfMessage): readonly MakeStep[] => {
  const caller = 'user';
  const newEmail = 'ada.lovelace@example.org';
  const resetPassword = 'difference engine 1822';
  const password = 'notes on the engine 1842';
  return [
    () => ({
      operation: `POST ${account}/password-reset`,
      name: 'forgotten',
      summary: 'Ask for a message that resets the password',
      body: { email },
      status: 202,
    }),
    async () => ({
      operation: `PUT ${account}/password-reset`,
      name: 'token',
      summary: 'Set a new password with the token of the message',
      body: { token: await tokenOfMessage(email, 'Reset your password'), new_password: resetPassword },
      status: 204,
    }),
    () => ({
      operation: 'POST /api/v1/auth/login',
      name: 'after_reset',
      summary: 'Sign in with the new password',
      body: { email, password: resetPassword },
      keep: ({ access_token: token }) => ({ user: String(token) }),
    }),
    () => ({
      operation: `POST ${account}/password`,
      name: 'change',
      summary: 'Change the password',
      caller,
      body: { current_password: resetPassword, new_password: password },
      status: 204,
    }),
    () => ({
      operation: `POST ${account}/email`,
      name: 'change',
      summary: 'Ask for another address',
      caller,
      body: { email: newEmail, current_password: password },
      status: 202,
    }),
    async () => ({
      operation: `PUT ${account}/email`,
      name: 'approve',
      summary: 'Approve the change with the token that went to the old address',
      body: { token: await tokenOfMessage(email, 'Approve the change of your e-mail address') },
    }),
    async () => ({
      operation: `PUT ${account}/email`,
      name: 'confirm',
      summary: 'Confirm the new address with the token that went to it',
      caller,
      body: { token: await tokenOfMessage(newEmail, 'Confirm your new e-mail address') },
    }),
    () => ({
      operation: `GET ${account}/export`,
      name: 'export',
      summary: 'All data of the caller. The example shows two of the tables',
      caller,
      shownPart: (answer) => {
        const { user_account, account_profile } = answer['data'] as Record<string, unknown>;
        return { ...answer, data: { user_account, account_profile } };
      },
    }),
    () => ({
      operation: `DELETE ${account}`,
      name: 'remove',
      summary: 'Plan the removal of the account',
      caller,
      body: { password },
      status: 202,
    }),
  ];
};
