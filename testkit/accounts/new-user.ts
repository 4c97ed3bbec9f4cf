import { randomUUID } from 'node:crypto';
import { call, json, type Answer } from '#testkit/running-service.ts';

export type NewUser = {
  readonly credentials: { readonly email: string; readonly password: string };
  /** The answer of the sign-in, with `access_token` and `refresh_token` if it is accepted. */
  readonly login: Answer;
};

/** Registers a user with a random address and password, and signs in. @param api URL of the service with `/api/v1` */
export const newUser = async (api: string, prefix = 'user'): Promise<NewUser> => {
  const credentials = { email: `${prefix}-${randomUUID()}@example.org`, password: `${randomUUID()} ${randomUUID()}` };
  await call(`${api}/auth/register`, json(credentials));
  return { credentials, login: await call(`${api}/auth/login`, json(credentials)) };
};
