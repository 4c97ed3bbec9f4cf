import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { fieldsQuery } from '#src/kernel/lists/pagination.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { Measure } from '../measured.ts';
import { noStore } from '../tokens/token-answer.ts';
import type { SecondFactors } from './second-factor.ts';

export type SecondFactorRoutesDeps = { readonly factors: SecondFactors; readonly measure: Measure };

const own = { tag: 'Account', path: '/account/totp', auth: 'authenticated', rateLimit: 'recovery' } as const;

/** Of each change. */
const refusals = ['resource_not_found', 'reauthentication_required'] as const;

const callerOf = ({ principal }: { readonly principal?: Principal }): Principal => {
  if (!principal) throw new AppError('auth_service_error');
  return principal;
};

const state = z
  .strictObject({
    enabled: z.boolean(),
    confirmed_at: z.iso.datetime().nullable(),
    recovery_codes_left: z.int().min(0),
  })
  .meta({ id: 'SecondFactor' });

const newSecret = z
  .strictObject({
    secret: z.string().describe('Base32, for typing'),
    uri: z.string().describe('otpauth: URI, for a QR code'),
  })
  .meta({ id: 'NewTotpSecret' });

/** The routes under `/account/totp`: the second factor of the caller. */
export const secondFactorRoutes = ({ factors, measure }: SecondFactorRoutesDeps): Route[] => [
  defineRoute({
    ...own,
    method: 'GET',
    load: 'read',
    summary: 'The own second factor',
    description: 'Whether a second factor is enabled, and how many recovery codes are left.',
    request: { query: z.strictObject({ fields: fieldsQuery(state) }) },
    responses: { 200: state },
    fields: true,
    etag: 'weak',
    errors: ['resource_not_found'],
    handler: async ({ context }) => {
      const found = await measure('totp', () => factors.state(callerOf(context)));
      const body = {
        enabled: found.enabled,
        confirmed_at: found.confirmedAt?.toISOString() ?? null,
        recovery_codes_left: found.recoveryCodesLeft,
      };
      return { status: 200 as const, body };
    },
  }),
  defineRoute({
    ...own,
    auth: 'account',
    method: 'POST',
    load: 'write',
    summary: 'Make a TOTP secret',
    description: 'The secret is in effect after `PUT` with a code. The request needs a recent sign-in.',
    request: {},
    responses: { 201: newSecret },
    errors: [...refusals, 'second_factor_enabled', 'email_not_verified'],
    handler: async ({ context }) => {
      const body = await measure('totp', () => factors.begin(callerOf(context)));
      return { status: 201 as const, headers: noStore, body };
    },
  }),
  defineRoute({
    ...own,
    auth: 'account',
    method: 'PUT',
    load: 'write',
    summary: 'Enable the second factor',
    description: 'Needs a code of the new secret. Only this answer shows the recovery codes.',
    request: {
      body: z
        .strictObject({ code: z.string().regex(/^\d{6}$/, 'Must be the six digits of the authenticator app') })
        .meta({ id: 'TotpCode' }),
    },
    responses: { 200: z.strictObject({ recovery_codes: z.array(z.string()) }).meta({ id: 'RecoveryCodeList' }) },
    errors: [...refusals, 'second_factor_enabled', 'email_not_verified'],
    handler: async ({ body: { code }, context }) => {
      const codes = await measure('totp', () => factors.confirm(callerOf(context), code));
      return { status: 200 as const, headers: noStore, body: { recovery_codes: [...codes] } };
    },
  }),
  defineRoute({
    ...own,
    auth: 'account',
    method: 'DELETE',
    load: 'write',
    summary: 'Remove the second factor',
    description: 'Removes the secret and the recovery codes. The request needs a recent sign-in.',
    request: {},
    responses: { 204: null },
    errors: refusals,
    handler: async ({ context }) => {
      await measure('totp', () => factors.remove(callerOf(context)));
      return { status: 204 as const, body: null };
    },
  }),
];
