import type { CompiledRoute } from './compiled-route.ts';

/**
 * The result of routing. `method` means that the path exists, but not with this method. `template` is the metric label
 * of a request that its route takes, and a part of the span name.
 */
export type Match =
  | { readonly kind: 'route'; readonly template: string; readonly route: CompiledRoute; readonly allow: string }
  | { readonly kind: 'method'; readonly template: string; readonly allow: string }
  | { readonly kind: 'none'; readonly template: 'unmatched' };

/**
 * The metric label of a request. A wrong method, media type or head is refused before the rate limit, so with the template of the path
 * anybody could make a series for each route, method and refusal.
 */
export const routeLabel = ({ match, isTaken }: { readonly match: Match; readonly isTaken?: true }): string =>
  isTaken ? match.template : 'unmatched';
