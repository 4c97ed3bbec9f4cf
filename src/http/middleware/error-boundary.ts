import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Answers } from '../answers/answers.ts';
import { jsonType } from '../routing/compiled-route.ts';
import { oauthMembers, toOauthError } from '../problems/oauth-error.ts';
import { problemHeaders, problemOf, problemType, toAppError } from '../problems/problem.ts';
import { routeLabel } from '../routing/match.ts';
import type { HttpMiddleware } from '../routing/types.ts';

type ErrorBoundaryDeps = {
  readonly metrics: Metrics;
  readonly production: boolean;
  readonly holdProblem: Answers['holdProblem'] | undefined;
};

/** Turns each thrown error into an answer. The request scope logs the error. */
export const errorBoundary =
  ({ metrics, production, holdProblem }: ErrorBoundaryDeps): HttpMiddleware =>
  async (ctx, next) => {
    try {
      await next();
    } catch (thrown) {
      const { request, match } = ctx.state;
      const oauth = match.kind === 'route' && match.route.declaration.errorFormat === 'oauth';
      const error = oauth ? toOauthError(toAppError(thrown)) : toAppError(thrown);
      const { category, status } = error.definition;
      ctx.state.failure = error;
      metrics.count('volwatch_errors_total', { category, code: error.code, http_route: routeLabel(ctx.state) }, 1);

      const problem = problemOf(error, {
        production,
        instance: ctx.path,
        requestId: request.requestId,
        traceId: request.traceId,
      });
      // A failed handler may have set headers of the body that is not sent.
      for (const name of ['ETag', 'Content-Encoding', 'Location', 'Last-Modified']) ctx.remove(name);
      ctx.status = status;
      ctx.set(problemHeaders(error));
      ctx.set('Cache-Control', 'no-store');
      ctx.set('Content-Type', oauth ? jsonType : problemType);
      const body = JSON.stringify(oauth ? { ...oauthMembers(error, problem['detail']), ...problem } : problem);
      ctx.body = body;
      holdProblem?.(ctx, body);
    }
  };
