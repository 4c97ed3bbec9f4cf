import type { z } from 'zod';
import type { Route } from '#src/kernel/requests/route.ts';
import { createComponents } from './components.ts';
import type { OperationExamples } from './examples.ts';
import { usedHeaders } from './headers.ts';
import type { Json } from './json.ts';
import { operationOf } from './operation.ts';
import { createSharedResponses } from './responses.ts';
import { securitySchemesOf } from './security.ts';
import { tagsOf } from './tags.ts';
import { webhooksOf } from './webhooks.ts';

export type OpenApiInfo = {
  readonly title: string;
  readonly version: string;
  readonly description?: string;
  /** The bodies that the service sends to webhooks, by event type. */
  readonly webhooks?: Readonly<Record<string, z.ZodType>>;
  /** Recorded requests and answers, by `METHOD /path`. */
  readonly examples?: Readonly<Record<string, OperationExamples>>;
};
export type OpenApiDocument = { readonly openapi: '3.1.0' } & Json;

type Options = { readonly routes: readonly Route[]; readonly basePath: string; readonly info: OpenApiInfo };

/** The OpenAPI 3.1 document of the declared routes: each path, parameter, body, answer and error code. */
export const createOpenApi = ({ routes, basePath, info }: Options): OpenApiDocument => {
  const { webhooks = {}, examples = {}, ...described } = info;
  const components = createComponents();
  const shared = createSharedResponses(components);
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.atRoot === true ? route.path : `${basePath}${route.path}`;
    const operation = operationOf(route, { components, shared, examples: examples[`${route.method} ${path}`] });
    (paths[path] ??= {})[route.method.toLowerCase()] = operation;
  }
  const document = {
    openapi: '3.1.0' as const,
    info: { ...described, contact: { name: 'Volwatch maintainers' }, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/', description: 'This service' }],
    tags: tagsOf(routes),
    paths,
    ...(Object.keys(webhooks).length > 0 && { webhooks: webhooksOf(webhooks, components) }),
    components: {
      responses: shared.all(),
      securitySchemes: securitySchemesOf(basePath),
    },
  };
  const headers = usedHeaders(JSON.stringify(document));
  return components.finish({ ...document, components: { ...document.components, headers } });
};
