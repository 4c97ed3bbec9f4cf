import type { IncomingMessage } from 'node:http';
import { AppError } from '../../kernel/catalogue/errors.ts';

type AdminMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

type AdminRequest = {
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** Reads the body and parses it as JSON. @throws AppError `payload_too_large`, `malformed_body` */
  readonly body: () => Promise<unknown>;
};

export type AdminReply = {
  readonly status: number;
  /** A string and a buffer are sent unchanged, another object as JSON. null means no body. */
  readonly body: string | object | null;
  readonly contentType?: string;
};

export type AdminRoute = {
  readonly method: AdminMethod;
  /** A parameter is `{name}` and stands for one segment. */
  readonly path: `/${string}`;
  /** @throws AppError for every refusal */
  readonly handle: (request: AdminRequest) => AdminReply | Promise<AdminReply>;
};

export type Match = { readonly route: AdminRoute; readonly parameters: Readonly<Record<string, string>> };

const matchPath = (template: string, path: string): Readonly<Record<string, string>> | undefined => {
  const expected = template.split('/');
  const actual = path.split('/');
  if (expected.length !== actual.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, segment] of expected.entries()) {
    const value = actual[index] ?? '';
    if (segment.startsWith('{')) parameters[segment.slice(1, -1)] = decode(value);
    else if (segment !== value) return undefined;
  }
  return parameters;
};

const decode = (segment: string): string => {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    throw new AppError('route_not_found', undefined, { cause: error });
  }
};

/** @throws AppError `route_not_found`, `method_not_allowed` with Allow */
export const findRoute = (routes: readonly AdminRoute[], method: string, path: string): Match => {
  const wanted = method === 'HEAD' ? 'GET' : method;
  const allowed = new Set<string>();
  for (const route of routes) {
    const parameters = matchPath(route.path, path);
    if (parameters === undefined) continue;
    if (route.method === wanted) return { route, parameters };
    allowed.add(route.method);
    if (route.method === 'GET') allowed.add('HEAD');
  }
  if (allowed.size === 0) throw new AppError('route_not_found');
  throw new AppError('method_not_allowed', undefined, { headers: { Allow: [...allowed].sort().join(', ') } });
};
