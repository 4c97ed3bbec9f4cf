import type { CompiledRoute } from './compiled-route.ts';

/**
 * The result of routing. `method` means that the path exists, but not with this method. `template` is the metric label
 * and a part of the span name.
 */
export type Match =
  | { readonly kind: 'route'; readonly template: string; readonly route: CompiledRoute; readonly allow: string }
  | { readonly kind: 'method'; readonly template: string; readonly allow: string }
  | { readonly kind: 'none'; readonly template: 'unmatched' };
