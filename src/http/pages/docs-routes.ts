import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
// Not the package's main file, which runs the bundle of the browser at each start of a process.
import getAbsoluteFSPath from 'swagger-ui-dist/absolute-path.js';
import { z } from 'zod';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { htmlType, pageBytes } from './html.ts';
import type { OpenApiDocument } from './openapi/document.ts';
import { pageDocumentOf } from './openapi/page-document.ts';

/** The script is a separate file, because the Content-Security-Policy refuses inline scripts. */
const start = Buffer.from(`window.addEventListener('load', () => {
  SwaggerUIBundle({
    url: '/openapi.json',
    // The page links the document and reads a form of it that is drawn much faster.
    requestInterceptor: (request) => (request.loadSpec ? { ...request, url: '/docs/openapi.json' } : request),
    dom_id: '#docs',
    deepLinking: true,
    validatorUrl: null,
    docExpansion: 'list',
    // The schemas are shown with the operations. The list of all of them takes long to draw.
    defaultModelsExpandDepth: -1,
    defaultModelExpandDepth: 2,
    displayRequestDuration: true,
  });
});
`);

const style = readFileSync(new URL('docs.css', import.meta.url));

const docsPage = pageBytes(
  'Volwatch API',
  '<div id="docs"></div>\n<script src="/docs/swagger-ui-bundle.js"></script>\n<script src="/docs/start.js"></script>',
  '<link rel="stylesheet" href="/docs/swagger-ui.css">\n<link rel="stylesheet" href="/docs/style.css">\n<link rel="icon" href="/docs/favicon-32x32.png">\n',
);

const assets: Readonly<Record<string, string>> = {
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

const cached = { 'Cache-Control': 'public, max-age=86400' };

/** The routes `/openapi.json` and `/docs`, and the files that `/docs` loads. */
export const docsRoutes = (openApi: OpenApiDocument): Route[] => {
  const common = {
    method: 'GET',
    atRoot: true,
    tag: 'Service',
    auth: 'public',
    rateLimit: 'caller',
    load: 'none',
    request: {},
    errors: [],
  } as const;
  // Serialised once, because the document is large and the route is public.
  const document = Buffer.from(JSON.stringify(openApi));
  const pageDocument = Buffer.from(JSON.stringify(pageDocumentOf(openApi)));
  const files = new Map<string, Promise<Buffer>>();
  const read = async (name: string): Promise<Buffer> => {
    const known = files.get(name) ?? readFile(join(getAbsoluteFSPath(), name));
    files.set(name, known);
    // The next request reads again, because a fault can pass.
    known.catch(() => files.delete(name));
    return known;
  };

  return [
    defineRoute({
      ...common,
      path: '/openapi.json',
      summary: 'This API as OpenAPI 3.1',
      responses: { 200: z.instanceof(Buffer) },
      etag: 'weak',
      handler: async () => ({ status: 200, body: document }),
    }),
    defineRoute({
      ...common,
      path: '/docs',
      summary: 'This API as an interactive page',
      produces: htmlType,
      responses: { 200: z.instanceof(Buffer) },
      etag: 'weak',
      handler: async () => ({ status: 200, body: docsPage }),
    }),
    defineRoute({
      ...common,
      path: '/docs/openapi.json',
      summary: 'The document as the interactive page reads it',
      responses: { 200: z.instanceof(Buffer) },
      etag: 'weak',
      handler: async () => ({ status: 200, body: pageDocument }),
    }),
    defineRoute({
      ...common,
      path: '/docs/start.js',
      summary: 'Starts the interactive page',
      produces: 'text/javascript; charset=utf-8',
      responses: { 200: z.instanceof(Buffer) },
      etag: 'weak',
      handler: async () => ({ status: 200, body: start, headers: cached }),
    }),
    defineRoute({
      ...common,
      path: '/docs/style.css',
      summary: 'The style of the interactive page',
      produces: 'text/css; charset=utf-8',
      responses: { 200: z.instanceof(Buffer) },
      etag: 'weak',
      handler: async () => ({ status: 200, body: style, headers: cached }),
    }),
    ...Object.entries(assets).map(([name, type]) =>
      defineRoute({
        ...common,
        path: `/docs/${name}`,
        summary: `Part of the interactive page: ${name}`,
        produces: type,
        responses: { 200: z.instanceof(Buffer) },
        etag: 'weak',
        handler: async () => ({ status: 200, body: await read(name), headers: cached }),
      }),
    ),
  ];
};
