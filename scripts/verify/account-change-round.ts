import { randomUUID } from 'node:crypto';
import { eventually } from '#testkit/eventually.ts';
import { call, json, type Answer } from '#testkit/running-service.ts';
import type { Stack } from './stack.ts';

/** Waits for a message to an address. @returns its token */
const tokenOfMessage = async ({ smtp }: Pick<Stack, 'smtp'>, to: string, subject: string): Promise<string> => {
  const text = (): string | undefined =>
    smtp.received.findLast((message) => message.to.includes(to) && message.headers['subject'] === subject)?.text;
  await eventually(() => text() !== undefined, `the message "${subject}" arrives`, 30_000);
  return /vwm_[\w-]{43}/.exec(text()!)![0];
};

/**
 * A new user changes and resets the password, moves to another address, exports the data, and asks for the removal of
 * the account. The tokens are those of the messages.
 * @throws Error if a step is refused, because the operations of the next steps would be missing
 */
export const accountChangeRound = async (stack: Pick<Stack, 'service' | 'smtp'>): Promise<void> => {
  const [email, nextEmail] = [`${randomUUID()}@example.org`, `${randomUUID()}@example.org`];
  const [first, second, third] = [0, 1, 2].map(() => `${randomUUID()} ${randomUUID()}`) as [string, string, string];
  const send = async (
    [method, path]: readonly [method: string, path: string],
    { status, token, body }: { readonly status: number; readonly token?: string; readonly body?: unknown },
  ): Promise<Answer> => {
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const options = body === undefined ? { headers } : json(body, headers);
    const answer = await call(`${stack.service.url}/api/v1${path}`, { ...options, method });
    if (answer.status === status) return answer;
    throw new Error(`${method} ${path} was answered with ${answer.status} ${String(answer.body['code'])}`);
  };
  const signIn = async (password: string): Promise<string> => {
    const { body } = await send(['POST', '/auth/login'], { status: 200, body: { email, password } });
    return String(body['access_token']);
  };

  await send(['POST', '/auth/register'], { status: 202, body: { email, password: first } });
  const change = { current_password: first, new_password: second };
  await send(['POST', '/account/password'], { status: 204, token: await signIn(first), body: change });

  await send(['POST', '/account/password-reset'], { status: 202, body: { email } });
  const reset = { token: await tokenOfMessage(stack, email, 'Reset your password'), new_password: third };
  await send(['PUT', '/account/password-reset'], { status: 204, body: reset });

  const token = await signIn(third);
  const move = { email: nextEmail, current_password: third };
  await send(['POST', '/account/email'], { status: 202, token, body: move });
  for (const [to, subject] of [
    [email, 'Approve the change of your e-mail address'],
    [nextEmail, 'Confirm your new e-mail address'],
  ] as const) {
    const body = { token: await tokenOfMessage(stack, to, subject) };
    await send(['PUT', '/account/email'], { status: 200, token, body });
  }

  await send(['GET', '/account/export'], { status: 200, token });
  await send(['DELETE', '/account'], { status: 202, token, body: { password: third } });
};
