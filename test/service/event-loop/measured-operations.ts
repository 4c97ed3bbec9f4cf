import type { ExecutionContext } from 'ava';
import { docsRoutes } from '#src/http/pages/docs-routes.ts';
import type { OpenApiDocument } from '#src/http/pages/openapi/document.ts';
import type { Document } from '../../http/fuzz/requests.ts';
import { declaredOperations, type DeclaredOperation } from '../inputs/declared-inputs.ts';
import { largestRequests } from './largest-requests.ts';

/** The document lacks the routes of its own page. */
const pageOperations: readonly DeclaredOperation[] = docsRoutes({ paths: {} } as unknown as OpenApiDocument).map(
  ({ method, path }) => ({
    path,
    method,
    operation: { parameters: [], responses: {}, security: [] },
    inputs: [],
  }),
);

/** @returns all operations whose turns are measured, after the check that each has a largest request */
export const measuredOperations = (t: ExecutionContext, document: Document): readonly DeclaredOperation[] => {
  const operations = [...declaredOperations(document), ...pageOperations];
  t.deepEqual(
    operations.map(({ method, path }) => `${method} ${path}`).toSorted(),
    Object.keys(largestRequests).toSorted(),
    'add the largest allowed input of the route to test/service/event-loop/largest-requests.ts',
  );
  return operations;
};
