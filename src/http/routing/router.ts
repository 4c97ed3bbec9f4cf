import { Router } from '@koa/router';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { compileRoute, type CompiledRoute } from './compiled-route.ts';
import type { Route } from '#src/kernel/requests/route.ts';

/**
 * The result of routing. `method` means that the path exists, but not with this method. `template` is the metric label
 * and a part of the span name.
 */
export type Match =
  | { readonly kind: 'route'; readonly template: string; readonly route: CompiledRoute; readonly allow: string }
  | { readonly kind: 'method'; readonly template: string; readonly allow: string }
  | { readonly kind: 'none'; readonly template: 'unmatched' };

const unmatched: Match = { kind: 'none', template: 'unmatched' };

export type RouteTable = {
  readonly match: (method: string, path: string) => Match;
  /** @throws AppError `malformed_request` for a broken percent-encoding */
  readonly parameters: (route: CompiledRoute, path: string) => Record<string, string>;
};

type Options = {
  readonly routes: readonly Route[];
  readonly basePath: string;
};

/** Matches requests to the declared routes with @koa/router. HEAD matches the routes of GET. */
export const createRouteTable = ({ routes, basePath }: Options): RouteTable => {
  const router = new Router({ strict: true, sensitive: true });
  const compiled = new Map<string, CompiledRoute>();
  const byFixedPath = new Map<string, Match>();

  for (const route of routes) {
    const template = route.atRoot === true ? route.path : `${basePath}${route.path}`;
    const name = `${route.method} ${template}`;
    if (compiled.has(name)) throw new Error(`Declared twice: ${name}`);
    compiled.set(name, compileRoute(route, template));
    router.register(template.replaceAll(/\{(\w+)\}/g, ':$1'), [route.method], () => {}, { name });
  }

  const find = (method: string, path: string): Match => {
    const { path: layers } = router.match(path, method);
    const template = layers[0]?.name;
    if (template === undefined) return unmatched;
    const allow = new Set(layers.flatMap((layer) => layer.methods));
    allow.add('OPTIONS');
    const wanted = method === 'HEAD' ? 'GET' : method;
    for (const layer of layers) {
      const route = compiled.get(layer.name ?? '');
      if (route?.declaration.method === wanted) {
        return { kind: 'route', template: route.template, route, allow: [...allow].sort().join(', ') };
      }
    }
    return { kind: 'method', template: template.slice(template.indexOf(' ') + 1), allow: [...allow].sort().join(', ') };
  };

  // Paths without parameters are matched once, at start. A request then needs one map lookup instead of all patterns.
  for (const { template, declaration } of compiled.values()) {
    if (template.includes('{')) continue;
    for (const method of declaration.method === 'GET' ? ['GET', 'HEAD'] : [declaration.method]) {
      byFixedPath.set(`${method} ${template}`, find(method, template));
    }
  }

  return {
    match: (method, path) => byFixedPath.get(`${method} ${path}`) ?? find(method, path),
    parameters: (route, path) => {
      const parameters: Record<string, string> = {};
      if (!route.template.includes('{')) return parameters;
      const segments = path.split('/');
      for (const [name, position] of route.parameterPositions) {
        try {
          parameters[name] = decodeURIComponent(segments[position] ?? '');
        } catch (cause) {
          throw new AppError('malformed_request', 'The path has a broken percent-encoding', { cause });
        }
      }
      return parameters;
    },
  };
};
