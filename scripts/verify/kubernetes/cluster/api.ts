import { Agent, request, type RequestOptions } from 'node:https';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { createInterface } from 'node:readline';
import type { Manifest } from '../../../check/chart/manifest.ts';
import type { Scope } from '#testkit/scope.ts';

type Body = Readonly<Record<string, unknown>>;
export type Answer = { readonly status: number; readonly body: Body; readonly warnings: readonly string[] };

export type Stored = {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
};
type List<Item> = { readonly metadata: { readonly resourceVersion: string }; readonly items: readonly Item[] };
export type Change<Item> = { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Item };

type Resource = { readonly kind: string; readonly name: string; readonly namespaced: boolean };

/** @throws Error with the reason of the API server, if the status is not below 400 */
export const assertAccepted = ({ status, body }: Answer): Body => {
  if (status < 400) return body;
  throw new Error(`The API server answered ${status}: ${String(body['message'])}`);
};

type Options = Omit<RequestOptions, 'headers'> & { readonly headers?: OutgoingHttpHeaders };

/** A client for the API server, or for another program with its certificate. */
export const createApi = (server: string, certificate: string, token: string) => {
  const agent = new Agent({ ca: certificate, keepAlive: true });
  const open = (path: string, options: Options, body?: unknown): Promise<IncomingMessage> =>
    new Promise((done, fail) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...options.headers };
      const call = request(`${server}${path}`, { agent, ...options, headers }, done).once('error', fail);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });

  const send = async (method: string, path: string, body?: unknown, contentType?: string): Promise<Answer> => {
    const headers = contentType === undefined ? {} : { 'content-type': contentType };
    const response = await open(path, { method, headers }, body);
    const content = await text(response);
    const isJson = response.headers['content-type']?.startsWith('application/json') === true;
    return {
      status: response.statusCode!,
      body: isJson ? (JSON.parse(content) as Body) : { message: content },
      warnings: [response.headers['warning'] ?? []].flat(),
    };
  };
  const get = async <Data>(path: string): Promise<Data> => assertAccepted(await send('GET', path)) as Data;

  const resources = new Map<string, Resource>();
  const rootOf = (apiVersion: string): string =>
    apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  /** The API server itself says where the resources of a kind are. */
  const resourceOf = async ({ apiVersion, kind }: Manifest): Promise<Resource> => {
    const key = `${apiVersion} ${kind}`;
    if (!resources.has(key)) {
      const found = await get<{ resources: readonly Resource[] }>(rootOf(apiVersion));
      for (const each of found.resources) {
        // Names with a slash are of subresources.
        if (!each.name.includes('/')) resources.set(`${apiVersion} ${each.kind}`, each);
      }
    }
    const resource = resources.get(key);
    if (resource === undefined) throw new Error(`The API server has no resource for ${key}`);
    return resource;
  };

  return {
    server,
    send,
    get,
    /** Server-side apply. Unknown fields are refused. */
    apply: async (manifest: Manifest, namespace: string, options = ''): Promise<Answer> => {
      const { name, namespaced } = await resourceOf(manifest);
      const folder = namespaced
        ? `${rootOf(manifest.apiVersion)}/namespaces/${namespace}`
        : rootOf(manifest.apiVersion);
      const query = `fieldManager=kubernetes-verify&fieldValidation=Strict${options}`;
      const path = `${folder}/${name}/${manifest.metadata.name}?${query}`;
      return send('PATCH', path, manifest, 'application/apply-patch+yaml');
    },
    /** Reports each object of the list, then each change, in the order of the API server. */
    watch: async <Item extends Stored>(
      scope: Scope,
      path: string,
      report: (change: Change<Item>) => void,
    ): Promise<void> => {
      const list = await get<List<Item>>(path);
      for (const object of list.items) report({ type: 'ADDED', object });
      let { resourceVersion } = list.metadata;
      const end = new AbortController();
      let response: IncomingMessage | undefined;
      scope.teardown(() => {
        end.abort();
        response?.destroy();
      });
      const read = (line: string): void => {
        const change = JSON.parse(line) as Change<Item> | { readonly type: 'ERROR' };
        if (change.type === 'ERROR') throw new Error(`The watch of ${path} cannot go on: ${line}`);
        resourceVersion = change.object.metadata.resourceVersion;
        report(change);
      };
      // The API server ends a watch whose reader is too slow. The next one goes on after the last change.
      const follow = async (): Promise<void> => {
        while (!end.signal.aborted) {
          const options = { agent: false, ca: certificate } as const;
          response = await open(`${path}?watch=1&resourceVersion=${resourceVersion}`, options);
          const lines = createInterface({ input: response });
          // The teardown destroys the response, which is an error of both.
          for (const stream of [response, lines]) stream.on('error', () => {});
          for await (const line of lines) read(line);
        }
      };
      void follow().catch((error: unknown) => {
        if (!end.signal.aborted) console.error(error);
      });
    },
    close: () => agent.destroy(),
  };
};

export type Api = ReturnType<typeof createApi>;
