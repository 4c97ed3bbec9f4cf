import test from 'ava';
import { docsRoutes } from '#src/http/pages/docs-routes.ts';
import type { OpenApiDocument } from '#src/http/pages/openapi/document.ts';
import { problemRoutes } from '#src/http/pages/problem-routes.ts';
import { errorCodes } from '#src/kernel/catalogue/errors.ts';
import type { Route } from '#src/kernel/requests/route.ts';

const bodyOf = async ({ handler }: Route, path: object): Promise<unknown> => {
  const { body } = (await handler({ path } as never)) as { readonly body: unknown };
  return body;
};

/** The digest and the compression of a buffer are kept, so a page that is another buffer each time would be hashed and compressed by each request. */
test('each page is answered from one buffer', async (t) => {
  const document = { openapi: '3.1.0', info: {}, paths: {}, components: {} } as unknown as OpenApiDocument;
  for (const route of [...problemRoutes(), ...docsRoutes(document)]) {
    const paths = route.path.includes('{code}') ? errorCodes.map((code) => ({ code })) : [{}];
    for (const path of paths) {
      const body = await bodyOf(route, path);
      t.true(Buffer.isBuffer(body), route.path);
      t.is(await bodyOf(route, path), body, route.path);
    }
  }
});
