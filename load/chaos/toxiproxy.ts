import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Scope } from '#testkit/scope.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { eventually } from '#testkit/eventually.ts';

type Toxic = {
  readonly type: 'latency' | 'timeout' | 'reset_peer' | 'bandwidth' | 'limit_data' | 'slicer';
  readonly attributes: Readonly<Record<string, number>>;
  readonly stream?: 'upstream' | 'downstream';
};

/** The network path from the service to one dependency, through a proxy that can break it. */
export type FaultyLink = {
  readonly port: number;
  /** Refuses new connections and closes open ones. */
  readonly cut: () => Promise<void>;
  /** Adds a fault of Toxiproxy to the path, which calls it a toxic: delay, no data, a reset. */
  readonly addToxic: (toxic: Toxic) => Promise<void>;
  /** Restores the connection and removes all toxics. */
  readonly heal: () => Promise<void>;
  /** Closes open connections. New ones go to another server. */
  readonly leadTo: (upstream: string) => Promise<void>;
};

export type Toxiproxy = { readonly addLink: (name: string, upstream: string) => Promise<FaultyLink> };

/**
 * Starts the Toxiproxy server and controls it over its HTTP API. Toxics also affect connections that are already open.
 */
export const startToxiproxy = async (scope: Scope): Promise<Toxiproxy> => {
  const port = await freePort();
  const child = spawn('.tools/bin/toxiproxy-server', ['-host', '127.0.0.1', '-port', String(port)], {
    stdio: 'ignore',
  });
  scope.teardown(async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  });
  const call = async (method: string, path: string, body?: unknown): Promise<void> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`toxiproxy: ${method} ${path}: ${response.status} ${text}`);
  };
  const isUp = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port}/version`).then(
      ({ ok }) => ok,
      () => false,
    );
  await eventually(isUp, 'toxiproxy answers');
  return {
    addLink: async (name, upstream) => {
      const listen = await freePort();
      await call('POST', '/proxies', { name, upstream, listen: `127.0.0.1:${listen}`, enabled: true });
      let toxics = 0;
      return {
        port: listen,
        leadTo: (other) => call('POST', `/proxies/${name}`, { upstream: other, enabled: true }),
        cut: () => call('POST', `/proxies/${name}`, { enabled: false }),
        addToxic: async ({ type, attributes, stream = 'downstream' }) => {
          toxics += 1;
          await call('POST', `/proxies/${name}/toxics`, {
            name: `${name}-${toxics}`,
            type,
            stream,
            toxicity: 1,
            attributes,
          });
        },
        heal: async () => {
          while (toxics > 0) {
            await call('DELETE', `/proxies/${name}/toxics/${name}-${toxics}`);
            toxics -= 1;
          }
          await call('POST', `/proxies/${name}`, { enabled: true });
        },
      };
    },
  };
};
