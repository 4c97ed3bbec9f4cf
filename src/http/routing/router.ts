import { Router, type MatchResult } from '@koa/router';
import { compileRoute, type CompiledRoute, type CompileOptions } from './compiled-route.ts';
import type { Route } from '#src/kernel/requests/route.ts';
import type { Match } from './match.ts';
import { sequence } from './sequence.ts';
import type { HttpMiddleware, HttpState } from './types.ts';

export type Routing = {
  readonly deprecated: readonly CompiledRoute[];
  readonly match: (method: string, path: string) => Match;
  /** The segments of all paths that are no parameters. */
  readonly words: ReadonlySet<string>;
  /** Runs the steps of the route of the request. Without such a route it calls the next middleware. */
  readonly middleware: HttpMiddleware;
};

type Options = CompileOptions & {
  readonly routes: readonly Route[];
  readonly basePath: string;
  /** The middleware of a route, in order. */
  readonly stepsOf: (route: CompiledRoute) => HttpMiddleware[];
};

type Found = { readonly result: MatchResult<HttpState>; readonly match: Match };

/**
 * HEAD matches the routes of GET, except those that leave something stored: it must change nothing, and nobody would get what they make.
 */
const methodsOf = ({ method, storesOnGet }: Route): readonly string[] =>
  method === 'GET' && !storesOnGet ? ['GET', 'HEAD'] : [method];

/** Registers the declared routes with @koa/router. */
export const createRouting = ({ routes, basePath, stepsOf, ...options }: Options): Routing => {
  const router = new Router<HttpState>({ strict: true, sensitive: true });
  const compiled = new Map<string, CompiledRoute>();

  for (const declaration of routes) {
    const template = declaration.atRoot === true ? declaration.path : `${basePath}${declaration.path}`;
    const name = `${declaration.method} ${template}`;
    if (compiled.has(name)) throw new Error(`Declared twice: ${name}`);
    const route = compileRoute(declaration, template, options);
    compiled.set(name, route);
    const path = template.replaceAll(/\{(\w+)\}/g, ':$1');
    const layer = router.register(path, [declaration.method], sequence(stepsOf(route)), { name });
    // The router adds HEAD to each GET.
    layer.methods = [...methodsOf(declaration)];
  }

  const matchOf = ({ path: layers, pathAndMethod }: MatchResult<HttpState>): Match => {
    const [first] = layers;
    if (first?.name === undefined) return { kind: 'none', template: 'unmatched' };
    const allow = [...new Set([...layers.flatMap((layer) => layer.methods), 'OPTIONS'])].sort().join(', ');
    const route = compiled.get(pathAndMethod[0]?.name ?? '');
    if (route !== undefined) return { kind: 'route', template: route.template, route, allow };
    return { kind: 'method', template: first.name.slice(first.name.indexOf(' ') + 1), allow };
  };
  const matchAll = router.match.bind(router);
  const search = (method: string, path: string): Found => {
    const all = matchAll(path, method);
    // If two templates match a path, the steps of the first route run, and not of both.
    const result = { ...all, pathAndMethod: all.pathAndMethod.slice(0, 1) };
    return { result, match: matchOf(result) };
  };

  // Paths without parameters are matched once, at start. A request then needs one map lookup instead of all patterns.
  // The keys are the method and then the path, because to join both for each request would take longer than to find them.
  const fixed = new Map<string, Map<string, Found>>();
  for (const { template, declaration } of compiled.values()) {
    if (template.includes('{')) continue;
    for (const method of methodsOf(declaration)) {
      const paths = fixed.get(method) ?? new Map<string, Found>();
      fixed.set(method, paths.set(template, search(method, template)));
    }
  }
  // The router asks for the same match right after the request scope.
  let last: { readonly method: string; readonly path: string; readonly found: Found } | undefined;
  const find = (method: string, path: string): Found => {
    const known = fixed.get(method)?.get(path);
    if (known !== undefined) return known;
    if (last?.method !== method || last.path !== path) last = { method, path, found: search(method, path) };
    return last.found;
  };
  router.match = (path, method) => find(method, path).result;

  return {
    deprecated: [...compiled.values()].filter((route) => route.deprecationHeaders !== undefined),
    match: (method, path) => find(method, path).match,
    words: new Set(
      [...compiled.values()].flatMap(({ template }) => template.split('/').filter((word) => !word.startsWith('{'))),
    ),
    middleware: router.routes() as HttpMiddleware,
  };
};
