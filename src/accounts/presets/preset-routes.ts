import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createPages } from '#src/kernel/lists/pages.ts';
import { fieldsQuery, listOf, pageQuery, resourceQuery, type Cursors } from '#src/kernel/lists/pagination.ts';
import type { PresetValues } from '#src/kernel/ports/account/pricing-defaults.ts';
import { presetName } from '#src/kernel/requests/preferences/preset-name.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { createPresets, type PresetsDeps } from './presets.ts';

export type PresetRoutesDeps = PresetsDeps & {
  readonly cursors: Cursors;
  /** Prefix of all paths, for `Location`. */
  readonly basePath: string;
  /** What a preset can hold, with the rules of the pricing room. */
  readonly values: z.ZodType<PresetValues> & z.ZodObject;
};

const userOf = ({ principal }: { readonly principal?: Principal }): string => {
  if (principal?.kind !== 'user') throw new AppError('resource_not_found', 'Only users have presets');
  return principal.subject;
};

const common = { tag: 'Account', auth: 'authenticated', rateLimit: 'caller' } as const;

/** The routes below `/settings/presets`. */
export const createPresetRoutes = (deps: PresetRoutesDeps): Route[] => {
  const { cursors, basePath, values } = deps;
  const presets = createPresets(deps);
  const pages = createPages({ cursors });
  const answer = z
    .strictObject({ name: presetName, ...(values.shape as object), updated_at: z.iso.datetime() })
    .meta({ id: 'PricingPreset' });
  const byName = z.strictObject({ name: presetName });
  return [
    defineRoute({
      ...common,
      method: 'GET',
      load: 'read',
      path: '/settings/presets',
      summary: "The caller's pricing presets by name",
      request: { query: z.strictObject({ ...pageQuery, fields: fieldsQuery(answer) }) },
      responses: { 200: listOf(answer) },
      fields: true,
      etag: 'weak',
      errors: ['resource_not_found'],
      handler: async ({ query, context }) => {
        const user = userOf(context);
        const load = (page: Parameters<typeof presets.list>[1]) => presets.list(user, page);
        return {
          status: 200 as const,
          body: await pages.answer({ list: 'presets', user }, query, load, (p) => p.name),
        };
      },
    }),
    defineRoute({
      ...common,
      method: 'GET',
      load: 'read',
      path: '/settings/presets/{name}',
      summary: 'One pricing preset',
      request: { path: byName, query: resourceQuery(answer) },
      responses: { 200: answer },
      fields: true,
      etag: 'weak',
      errors: ['resource_not_found'],
      handler: async ({ path, context }) => ({
        status: 200 as const,
        body: await presets.one(userOf(context), path.name),
      }),
    }),
    defineRoute({
      ...common,
      auth: 'program',
      method: 'PUT',
      load: 'write',
      path: '/settings/presets/{name}',
      summary: 'Store or replace a pricing preset',
      description: 'A pricing request uses it with the member `preset`.',
      request: { path: byName, body: values },
      responses: { 200: answer, 201: answer },
      errors: ['resource_not_found', 'quota_exceeded'],
      handler: async ({ path: { name }, body, context }) => {
        const { preset, created } = await presets.put(userOf(context), name, body);
        if (!created) return { status: 200 as const, body: preset };
        const headers = { Location: `${basePath}/settings/presets/${name}` };
        return { status: 201 as const, headers, body: preset };
      },
    }),
    defineRoute({
      ...common,
      auth: 'program',
      method: 'DELETE',
      load: 'write',
      path: '/settings/presets/{name}',
      summary: 'Remove a pricing preset',
      request: { path: byName },
      responses: { 204: null },
      errors: ['resource_not_found'],
      handler: async ({ path, context }) => {
        await presets.remove(userOf(context), path.name);
        return { status: 204 as const, body: null };
      },
    }),
  ];
};
