import { z } from 'zod';
import { acceptedTypes } from '#src/kernel/requests/accept.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';

const links = {
  documentation: '/docs',
  openapi: '/openapi.json',
  health: '/health',
  problems: '/problems',
  authorization_server: '/.well-known/oauth-authorization-server',
};

const index = z
  .strictObject({
    name: z.string(),
    version: z.string(),
    links: z.record(z.string(), z.string()).describe('Paths by what they are'),
  })
  .meta({ id: 'ServiceIndex' });

export type IndexRoutesDeps = { readonly name: string; readonly version: string; readonly basePath: string };

/** `GET /`: a browser goes to the documentation, a program gets links. */
export const indexRoutes = ({ name, version, basePath }: IndexRoutesDeps): Route[] => [
  defineRoute({
    method: 'GET',
    atRoot: true,
    path: '/',
    tag: 'Service',
    summary: 'Links to the parts of the service',
    description: 'A client that prefers HTML, as browsers do, is sent to the documentation.',
    auth: 'public',
    rateLimit: 'none',
    load: 'none',
    request: { headers: z.object({ accept: z.string().optional() }) },
    produces: ['application/json', 'text/html'],
    responses: { 200: index, 302: null },
    errors: [],
    unknownQuery: 'ignore',
    handler: async ({ headers: { accept } }) => {
      const vary = { Vary: 'Accept' };
      const [preferred] = acceptedTypes(accept, ['application/json', 'text/html']);
      if (preferred === 'text/html') {
        return { status: 302 as const, headers: { ...vary, Location: links.documentation }, body: null };
      }
      const { documentation, ...others } = links;
      return {
        status: 200 as const,
        headers: vary,
        body: { name, version, links: { documentation, api: basePath, ...others } },
      };
    },
  }),
];
