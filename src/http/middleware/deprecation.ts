import type { LabelsOf, Metrics } from '#src/kernel/catalogue/metrics.ts';
import { deprecationLink } from '#src/kernel/requests/deprecation.ts';
import type { CompiledRoute } from '../routing/compiled-route.ts';
import type { HttpMiddleware } from '../routing/types.ts';

const metric = 'volwatch_deprecated_requests_total';
type Caller = LabelsOf<typeof metric>['caller'];
const callers: readonly Caller[] = ['anonymous', 'user', 'client', 'api_key'];

type DeprecationDeps = {
  readonly metrics: Metrics;
  /** All routes that are declared deprecated. Their counters exist at 0 from the start. */
  readonly deprecated: readonly CompiledRoute[];
};

const labelsOf = ({ declaration, template }: CompiledRoute, caller: Caller) => ({
  http_request_method: declaration.method,
  http_route: template,
  caller,
});

/**
 * Sends the headers of a deprecated route with each answer, also with errors, and counts who still calls it. It must run
 * outside the error boundary, so that the caller is known.
 */
export const deprecation = ({ metrics, deprecated }: DeprecationDeps): HttpMiddleware => {
  for (const route of deprecated) for (const caller of callers) metrics.count(metric, labelsOf(route, caller), 0);

  return async (ctx, next) => {
    const { match, request } = ctx.state;
    const route = match.kind === 'route' ? match.route : undefined;
    const declared = route?.declaration.deprecated;
    if (!route?.deprecationHeaders || !declared) {
      await next();
      return;
    }
    ctx.set(route.deprecationHeaders);
    const segments = ctx.path.split('/');
    const names = route.template.split('/');
    ctx.set(
      'Link',
      deprecationLink(declared, (name) => segments[names.indexOf(`{${name}}`)] ?? ''),
    );
    await next();
    metrics.count(metric, labelsOf(route, request.principal?.kind ?? 'anonymous'));
  };
};
