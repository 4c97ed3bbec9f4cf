import { setTimeout as sleep } from 'node:timers/promises';
import type { Addresses } from '../banner.ts';
import { within } from '../kernel/abort.ts';
import { codeOf, errorTable } from '../kernel/catalogue/errors.ts';
import { listenUrl } from '../kernel/listen-url.ts';
import { StartError } from '../kernel/start-error.ts';
import { runTelemetrySelfTest } from '../telemetry/index.ts';
import type { Base } from './base.ts';
import type { Edge } from './edge.ts';

type Closable = {
  readonly close: () => Promise<void> | void;
  /** Max time in place of 3 s. */
  readonly closeMs?: number;
};
type ClosableWithin = { readonly close: (options: { readonly graceMs: number }) => Promise<void> };

export type LifecycleDeps = {
  readonly base: Base;
  readonly edge: Edge;
  readonly state: LifecycleState;
  /**
   * Brings database, queues, universes and caches up. Is called again after an error of category database, so each step
   * must be repeatable.
   */
  readonly prepareData: (signal: AbortSignal) => Promise<void>;
  /** Work in the background that may finish within SHUTDOWN_REFRESH_GRACE_MS. */
  readonly background: readonly ClosableWithin[];
  /**
   * Closed one after the other, in this order, when no request and no background work runs any more. Each has 3 s, so that one that
   * waits for a silent database does not keep the others from their end.
   */
  readonly parts: Readonly<Record<string, Closable>>;
};

/** What health checks read while the service starts and stops. */
export type LifecycleState = { migrated: boolean; draining: boolean };

export type Lifecycle = {
  /** Listens, then prepares the data. Resolves when the service is ready, or when it was stopped meanwhile. */
  readonly start: () => Promise<void>;
  /** Must not be called before `start` has opened the listeners. */
  readonly addresses: () => Addresses;
  readonly stopping: () => boolean;
  /**
   * Ends requests in progress, background work, connections, the embedded database and exporters, in this order. A
   * second call waits for the first.
   * @returns false if the log could not be written completely
   */
  readonly stop: (reason: string) => Promise<boolean>;
  /** Shortens a `stop` in progress: it waits neither for requests nor for background work any more. */
  readonly hurry: () => void;
};

const telemetryFlushMs = 3_000;
const logFlushMs = 1_000;
const partMs = 3_000;
/** Requests and background work have limits of their own. This one holds if one of them does not end all the same. */
const overrunMs = 5_000;
const startRetryMs = 1_000;
/** A step that fails each time, such as a statement that takes too long, must not be repeated each second. */
const maxStartRetryMs = 10_000;
/** Errors that end without a change of the code or of the configuration. A schema that is behind is migrated by another process. */
const canPass = (error: unknown): boolean => {
  const { category, retryable } = errorTable[codeOf(error)];
  return category === 'database' || retryable;
};
/** After the drain, time for requests that clients have already sent. */
const lingerMs = 100;

const listenFaults: Readonly<Record<string, { readonly of: 'HOST' | 'PORT'; readonly reason: string }>> = {
  EADDRINUSE: { of: 'PORT', reason: 'something else listens there already' },
  EACCES: { of: 'PORT', reason: 'ports below 1024 need a privilege; set another port' },
  EADDRNOTAVAIL: { of: 'HOST', reason: 'this machine does not have the address' },
  ENOTFOUND: { of: 'HOST', reason: 'the name has no address' },
  EAI_AGAIN: { of: 'HOST', reason: 'the name could not be looked up' },
  EAFNOSUPPORT: { of: 'HOST', reason: 'this machine has no addresses of this kind' },
  EINVAL: { of: 'HOST', reason: 'the address cannot be listened on' },
};

/** @param prefix of the variables of this server, empty for the API */
const cannotListen =
  (prefix: '' | 'METRICS_', host: string, port: number) =>
  (error: Error & { readonly code?: string }): never => {
    const { of, reason } = listenFaults[error.code ?? ''] ?? { of: 'PORT', reason: error.message };
    const { host: address } = new URL(listenUrl(host, port));
    throw new StartError(`Cannot listen on ${address} (${prefix}${of}): ${reason}`, {
      cause: error,
      // Whoever has the port can end, so a supervisor should try again. The others stay until they are changed.
      configuration: error.code !== 'EADDRINUSE' && error.code !== 'EAI_AGAIN',
    });
  };

/** Starts, drains and stops a service that `compose` has built. */
export const createLifecycle = (deps: LifecycleDeps): Lifecycle => {
  const { base, edge, state, background } = deps;
  const { config, logger, telemetry } = base;
  const { server, admin, health } = edge;
  const stopped = new AbortController();
  const hurried = new AbortController();
  let addresses: Addresses | undefined;
  let stopInProgress: Promise<boolean> | undefined;

  const listen = async (): Promise<void> => {
    stopped.signal.throwIfAborted();
    const { port: adminPort } = await admin
      .listen()
      .catch(cannotListen('METRICS_', config.METRICS_HOST, config.METRICS_PORT));
    stopped.signal.throwIfAborted();
    const port = await server
      .listen({ host: config.HOST, port: config.PORT })
      .catch(cannotListen('', config.HOST, config.PORT));
    addresses = {
      url: listenUrl(config.HOST, port),
      adminUrl: listenUrl(config.METRICS_HOST, adminPort),
    };
    base.publicUrl.listensAt(addresses.url);
    logger.info({ url: addresses.url, admin_url: addresses.adminUrl }, 'listening');
  };

  /**
   * Repeats all steps after an error of a dependency or of other work, because that can fail again between two steps. The service serves
   * meanwhile. Only a fault of the code or of the configuration ends the start.
   */
  const prepare = async (): Promise<void> => {
    for (let attempt = 0, prepared = false; !prepared; attempt += 1) {
      try {
        await deps.prepareData(stopped.signal);
        prepared = true;
      } catch (error) {
        if (!canPass(error)) throw error;
        const retryInMs = Math.min(maxStartRetryMs, startRetryMs * 2 ** attempt);
        logger.warn({ code: codeOf(error), err: error, retry_in_ms: retryInMs }, 'the start is interrupted');
        await sleep(retryInMs, undefined, { signal: stopped.signal });
      }
    }
    // A cached health result from the start must not be answered after it.
    await health.readAgain();
    logger.info({}, 'started');
    await runTelemetrySelfTest({ logger });
  };

  /**
   * Continues to serve for SHUTDOWN_DRAIN_MS, also without connections, because the load balancer needs time to see the
   * answer of `/health/ready` and later requests are refused. Then waits for requests in progress.
   */
  const endRequests = async (): Promise<void> => {
    server.drain();
    await sleep(config.SHUTDOWN_DRAIN_MS, undefined, { signal: hurried.signal }).catch(() => {});
    const graceMs = hurried.signal.aborted ? 0 : config.SHUTDOWN_GRACE_MS;
    await server.close({ graceMs, lingerMs });
  };

  /** Waits for a part of the stop. @throws its error */
  const waitFor = async (part: string, afterMs: number, work: Promise<unknown>): Promise<void> => {
    if (await within(afterMs, work)) await work;
    else logger.warn({ part, after_ms: afterMs }, 'a part of the stop does not end, and the stop goes on');
  };

  const stop = async (reason: string): Promise<boolean> => {
    logger.info({ reason }, 'stopping');
    state.draining = true;
    stopped.abort(new Error(`stopping: ${reason}`));
    const graceMs = config.SHUTDOWN_REFRESH_GRACE_MS;
    const work = Promise.all([endRequests(), ...background.map((part) => part.close({ graceMs }))]);
    await waitFor('work in progress', config.SHUTDOWN_DRAIN_MS + config.SHUTDOWN_GRACE_MS + overrunMs, work);
    telemetry.stopMetricCollection();
    for (const [name, part] of Object.entries(deps.parts)) {
      await waitFor(name, part.closeMs ?? partMs, Promise.resolve(part.close()));
    }
    await admin.close();
    await telemetry.shutdown(telemetryFlushMs);
    logger.info({}, 'stopped');
    return logger.flush(logFlushMs);
  };

  return {
    start: async () => {
      try {
        await listen();
        await prepare();
      } catch (error) {
        if (!stopped.signal.aborted) throw error;
      }
    },
    addresses: () => addresses!,
    stopping: () => stopped.signal.aborted,
    stop: (reason) => (stopInProgress ??= stop(reason)),
    hurry: () => {
      hurried.abort();
      for (const part of background) void part.close({ graceMs: 0 });
      void server.close({ graceMs: 0 });
    },
  };
};
