import { Secret, TOTP } from 'otpauth';
import type { MakeStep, Values } from './step.ts';

const api = '/api/v1';
type Answer = Readonly<Record<string, unknown>>;

const idOfFirst = (name: string) => (answer: Answer) => {
  const [first] = answer['data'] as readonly { readonly id: string }[];
  return { [name]: String(first?.id) };
};

/** A code of the kept secret. @param secondsLater for a later period, because a code is accepted once */
const codeOf = (values: Readonly<Values>, secondsLater = 0): string => {
  const secret = Secret.fromBase32(values['totp_secret'] ?? '');
  return new TOTP({ secret }).generate({ timestamp: Date.now() + secondsLater * 1_000 });
};

/** Own sign-ins, and the second factor from its secret to its removal. */
export const signInSteps = (credentials: {
  readonly email: string;
  readonly password: string;
}): readonly MakeStep[] => {
  const totp = { caller: 'user' } as const;
  return [
    () => ({
      operation: `GET ${api}/account/sessions`,
      name: 'page',
      summary: 'The sign-ins of the caller',
      caller: 'user',
      query: { limit: '1' },
      keep: idOfFirst('sign_in'),
    }),
    (values) => ({
      operation: `DELETE ${api}/account/sessions/{id}`,
      name: 'one',
      summary: 'End one sign-in',
      caller: 'user',
      path: { id: values['sign_in'] ?? '' },
      status: 204,
    }),
    () => ({
      operation: `DELETE ${api}/account/sessions`,
      name: 'others',
      summary: 'End all other sign-ins',
      caller: 'user',
      query: { keep_current: 'true' },
      status: 204,
    }),
    () => ({
      ...totp,
      operation: `POST ${api}/account/totp`,
      name: 'secret',
      summary: 'Make a secret for an authenticator',
      status: 201,
      keep: ({ secret }: Answer) => ({ totp_secret: String(secret) }),
    }),
    (values) => ({
      ...totp,
      operation: `PUT ${api}/account/totp`,
      name: 'code',
      summary: 'Enable the second factor',
      body: { code: codeOf(values) },
    }),
    () => ({ ...totp, operation: `GET ${api}/account/totp`, name: 'enabled', summary: 'An enabled second factor' }),
    () => ({
      operation: `POST ${api}/auth/login`,
      name: 'second_factor',
      summary: 'The first step with a second factor',
      body: credentials,
      status: 401,
      isAnswerHidden: true,
      keep: ({ second_factor_token: token }: Answer) => ({ second_step: String(token) }),
    }),
    (values) => ({
      operation: `POST ${api}/auth/login/second-factor`,
      name: 'code',
      summary: 'The second step',
      body: { second_factor_token: values['second_step'], code: codeOf(values, 30) },
      // Of a sign-in that goes on, for the revocation.
      keep: ({ refresh_token: token }: Answer) => ({ refresh_token: String(token) }),
    }),
    () => ({
      ...totp,
      operation: `DELETE ${api}/account/totp`,
      name: 'remove',
      summary: 'Remove the second factor',
      status: 204,
    }),
  ];
};

/**
 * Administration of users. These steps are the last, because the end of sign-ins also refuses tokens that are issued later
 * within the same second.
 */
export const userAdminSteps: readonly MakeStep[] = [
  () => ({
    operation: `GET ${api}/users`,
    name: 'page',
    summary: 'All users',
    caller: 'client',
    query: { limit: '1' },
    keep: idOfFirst('managed_user'),
  }),
  (values) => ({
    operation: `GET ${api}/users/{id}`,
    name: 'one',
    summary: 'One user',
    caller: 'client',
    path: { id: values['managed_user'] ?? '' },
  }),
  (values) => ({
    operation: `PATCH ${api}/users/{id}`,
    name: 'role',
    summary: 'Give a role',
    caller: 'client',
    path: { id: values['managed_user'] ?? '' },
    headers: { 'If-Match': '*' },
    body: { role: 'auditor' },
  }),
  (values) => ({
    operation: `POST ${api}/users/{id}/sessions/revoke`,
    name: 'all',
    summary: 'End the sign-ins of a user',
    caller: 'client',
    path: { id: values['managed_user'] ?? '' },
  }),
];
