import { z } from 'zod';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { expectedVersions, ifMatch, mergePatch } from '#src/kernel/requests/conditional/expected-versions.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { lenientFieldsQuery } from '#src/kernel/lists/pagination.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { AssertCallerMayStore } from '#src/kernel/ports/owners.ts';
import type { Reader, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { Documents, StoredDocument } from './document.ts';
import { createDocuments } from './documents.ts';
import { defaultsOf, profileFields, settingsFields, shapeOf } from './schemas.ts';

const profileShape = shapeOf(profileFields);
const settingsShape = shapeOf(settingsFields);

export type AccountsDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly assertCallerMayStore: AssertCallerMayStore;
  readonly reader: Reader;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Runs after the settings of a user have changed. */
  readonly forget?: (userId: string) => void;
};

const versioned = {
  version: z.int().min(0).describe('The version for If-Match; 0 if nothing is stored'),
  updated_at: z.iso.datetime().nullable(),
  warnings: z.array(z.string()).optional().describe('Members with their default, because a column is not migrated yet'),
};
const profileAnswer = z
  .strictObject({
    user_id: z.string(),
    email: z.string().nullable(),
    role: z.string().nullable(),
    ...profileShape,
    ...versioned,
  })
  .meta({ id: 'Profile' });
const settingsAnswer = z.strictObject({ ...settingsShape, ...versioned }).meta({ id: 'Settings' });

/** The user of the request. @throws AppError `resource_not_found` for clients and API keys, which have no profile */
const userOf = ({ principal }: { readonly principal?: Principal }): Principal => {
  if (principal?.kind !== 'user') throw new AppError('resource_not_found', 'Only users have a profile and settings');
  return principal;
};

const checkPrecondition = ({
  headers,
  context,
}: {
  readonly headers: z.output<typeof ifMatch>;
  readonly context: { readonly principal?: Principal };
}): void => {
  userOf(context);
  expectedVersions(headers['if-match']);
};

const toBody = <Values extends object>({ values, version, updatedAt, missing }: StoredDocument<Values>) => ({
  ...values,
  version,
  updated_at: updatedAt,
  ...(missing.length > 0 && { warnings: missing.map((name) => `${name}: the default is used`) }),
});

const headersOf = ({ version }: { readonly version: number }) => ({
  ETag: `"${version}"`,
  'Cache-Control': 'private, no-cache',
});

const common = { tag: 'Account', auth: 'authenticated', rateLimit: 'caller' } as const;
const changeErrors = ['resource_not_found', 'precondition_required', 'precondition_failed', 'quota_exceeded'] as const;

const profileRoutes = (profiles: Documents<z.output<z.ZodObject<typeof profileShape>>>): Route[] => {
  type Profile = Awaited<ReturnType<typeof profiles.read>>;
  const answer = ({ subject, email, role }: Principal, profile: Profile) => ({
    status: 200 as const,
    headers: headersOf(profile),
    body: { user_id: subject, email: email ?? null, role: role ?? null, ...toBody(profile) },
  });
  return [
    defineRoute({
      ...common,
      method: 'GET',
      load: 'read',
      path: '/profile',
      summary: "The caller's profile",
      request: { query: z.object({ fields: lenientFieldsQuery(profileAnswer) }) },
      responses: { 200: profileAnswer },
      fields: true,
      errors: ['resource_not_found'],
      etag: 'version',
      unknownQuery: 'ignore',
      handler: async ({ context }) => {
        const user = userOf(context);
        return answer(user, await profiles.read(user.subject));
      },
    }),
    defineRoute({
      ...common,
      auth: 'program',
      method: 'PATCH',
      load: 'write',
      path: '/profile',
      summary: 'Change the profile',
      description: 'Changes the given members if the stored version is the version in `If-Match`.',
      request: { headers: ifMatch, body: z.strictObject(profileShape).partial().meta({ id: 'ProfileChange' }) },
      consumes: mergePatch,
      responses: { 200: profileAnswer },
      errors: changeErrors,
      checkHead: checkPrecondition,
      handler: async ({ headers, body, context }) => {
        const user = userOf(context);
        return answer(user, await profiles.change(user.subject, expectedVersions(headers['if-match']), body));
      },
    }),
  ];
};

const settingsRoutes = (
  settings: Documents<z.output<z.ZodObject<typeof settingsShape>>>,
  forget: (userId: string) => void,
): Route[] => {
  const answer = (stored: Awaited<ReturnType<typeof settings.read>>) => ({
    status: 200 as const,
    headers: headersOf(stored),
    body: toBody(stored),
  });
  return [
    defineRoute({
      ...common,
      method: 'GET',
      load: 'read',
      path: '/settings',
      summary: "The caller's settings",
      request: { query: z.object({ fields: lenientFieldsQuery(settingsAnswer) }) },
      responses: { 200: settingsAnswer },
      fields: true,
      errors: ['resource_not_found'],
      etag: 'version',
      unknownQuery: 'ignore',
      handler: async ({ context }) => answer(await settings.read(userOf(context).subject)),
    }),
    defineRoute({
      ...common,
      auth: 'program',
      method: 'PATCH',
      load: 'write',
      path: '/settings',
      summary: 'Change the settings',
      description: 'Changes the given members if the stored version is the version in `If-Match`.',
      request: { headers: ifMatch, body: z.strictObject(settingsShape).partial().meta({ id: 'SettingsChange' }) },
      consumes: mergePatch,
      responses: { 200: settingsAnswer },
      errors: changeErrors,
      checkHead: checkPrecondition,
      handler: async ({ headers, body, context }) => {
        const { subject } = userOf(context);
        const changed = await settings.change(subject, expectedVersions(headers['if-match']), body);
        forget(subject);
        return answer(changed);
      },
    }),
  ];
};

/** `GET/PATCH /profile`, `GET/PATCH /settings`. */
export const createAccountsRoutes = (deps: AccountsDeps): Route[] => [
  ...profileRoutes(
    createDocuments({
      ...deps,
      entity: 'AccountProfile',
      changeAction: 'user.profile_changed',
      shape: profileShape,
      defaults: defaultsOf(profileFields),
    }),
  ),
  ...settingsRoutes(
    createDocuments({
      ...deps,
      entity: 'AccountSettings',
      changeAction: 'user.settings_changed',
      shape: settingsShape,
      defaults: defaultsOf(settingsFields),
    }),
    deps.forget ?? (() => {}),
  ),
];
