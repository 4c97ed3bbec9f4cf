import type { ExecutionContext } from 'ava';
import { serve } from '#test/http/support.ts';
import { setup, type Setup } from '../setup.ts';

/** The auth room over HTTP, without a database. */
export const startEndpoints = async (t: ExecutionContext, overrides?: Parameters<typeof setup>[0]) => {
  const room: Setup = setup(overrides);
  const { call } = await serve(t, { routes: room.auth.routes, authenticate: room.auth.authenticate });
  const token = async (form: Record<string, string> | string, headers: Record<string, string> = {}) => {
    const body = new URLSearchParams(form).toString();
    const type = 'application/x-www-form-urlencoded';
    const response = await call('/api/v1/auth/token', {
      method: 'POST',
      body,
      headers: { 'Content-Type': type, ...headers },
    });
    return { response, body: (await response.json()) as Record<string, string> };
  };
  return { ...room, call, token };
};

export const secret = 'a secret: 100%+';
export const basic = (id: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}`,
});
export const escaped = basic('desk', encodeURIComponent(secret));
export const grant = { grant_type: 'client_credentials' };
export const inBody = { ...grant, client_id: 'desk', client_secret: secret };
