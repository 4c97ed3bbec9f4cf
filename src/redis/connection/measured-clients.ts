import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import type { RedisClient } from '#src/kernel/ports/redis.ts';
import { accountOf, endpointOf, type RedisAddress } from './redis-address.ts';

/** Called at the end of every command. `wasReady` is the state of the connection when the command was given. */
export type Measure = (milliseconds: number, wasReady: boolean, error?: Error) => void;

const connectTimeoutMs = 2_000;
const backOffMs = { first: 50, max: 2_000 };
const sentinelPort = 26_379;

const backOff = (attempt: number): number =>
  Math.ceil((0.5 + Math.random() / 2) * Math.min(backOffMs.max, backOffMs.first * 2 ** Math.min(attempt - 1, 10)));

type Settings = {
  readonly address: RedisAddress;
  readonly commandTimeoutMs: number;
  /** Decides whether a connection is closed and opened again after an error reply. */
  readonly reconnectOnError: (error: Error) => boolean;
};

const connectionOptions = ({ commandTimeoutMs, reconnectOnError }: Settings) =>
  ({
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    // This timer runs only while an answer is awaited. If the server hangs, only the first command waits.
    socketTimeout: commandTimeoutMs,
    connectTimeout: connectTimeoutMs,
    retryStrategy: backOff,
    // The subscriber subscribes itself on `ready`. ioredis would do it too, without handling the rejection.
    autoResubscribe: false,
    reconnectOnError,
    // The ready check needs INFO, hides the reply LOADING, and writes to the console without INFO. The probes of the uses
    // replace it.
    enableReadyCheck: false,
    disableClientInfo: true,
  }) as const satisfies RedisOptions;

const serverOptions = (settings: Settings, address: Exclude<RedisAddress, { mode: 'cluster' }>) => {
  const options = connectionOptions(settings);
  if (address.mode === 'server') return { ...options, ...endpointOf(address.url), ...accountOf(address.url) };
  const [first] = address.urls;
  const { username, password, tls } = accountOf(first);
  const account = accountOf(address.serverUrl);
  return {
    ...options,
    ...account,
    sentinels: address.urls.map((url) => endpointOf(url, sentinelPort)),
    name: address.group,
    sentinelRetryStrategy: backOff,
    sentinelCommandTimeout: connectTimeoutMs,
    ...(username !== undefined && { sentinelUsername: username }),
    ...(password !== undefined && { sentinelPassword: password }),
    ...(tls && { sentinelTLS: tls }),
    ...(account.tls && { enableTLSForSentinelMode: true }),
  };
};

const keepHost: ClusterOptions['dnsLookup'] = (host, done) => done(null, host);

const clusterOptions = (settings: Settings, urls: readonly string[]) => ({
  // Without its queue the client refuses the commands that follow the first one to a new node. See `sendCommand` below.
  enableOfflineQueue: true,
  enableReadyCheck: false,
  clusterRetryStrategy: backOff,
  // A failed command is not repeated after a delay, because its caller has a fall-back that is faster.
  retryDelayOnFailover: 0,
  retryDelayOnClusterDown: 0,
  retryDelayOnTryAgain: 1,
  maxRedirections: 4,
  slotsRefreshTimeout: connectTimeoutMs,
  // Host names stay as they are, because TLS compares them with the certificate.
  dnsLookup: keepHost,
  redisOptions: {
    ...clusterNodeOptions(settings),
    ...accountOf(urls[0]),
  },
});

/** The cluster client queues commands until a node that is used for the first time is connected. */
const clusterNodeOptions = (settings: Settings) => {
  const { enableOfflineQueue: _, retryStrategy: __, ...options } = connectionOptions(settings);
  return options;
};

/**
 * Also handles the rejection. ioredis itself sends commands whose result nobody awaits, and an unhandled rejection would
 * end the process.
 */
const measured = (measure: Measure | undefined, wasReady: boolean, promise: Promise<unknown>): void => {
  if (!measure) {
    promise.catch(() => {});
    return;
  }
  const startedAt = performance.now();
  promise.then(
    () => measure(performance.now() - startedAt, wasReady),
    (error: Error) => measure(performance.now() - startedAt, wasReady, error),
  );
};

class MeasuredRedis extends Redis {
  declare measure: Measure | undefined;

  override sendCommand(...sent: Parameters<Redis['sendCommand']>): unknown {
    measured(this.measure, this.status === 'ready', sent[0].promise);
    return super.sendCommand(...sent);
  }
}

class MeasuredCluster extends Cluster {
  declare measure: Measure | undefined;

  override sendCommand(...sent: Parameters<Cluster['sendCommand']>): unknown {
    const [command] = sent;
    // The queue of a cluster that is not connected has no timeout.
    if (this.status !== 'ready' && command.name !== 'cluster') {
      command.reject(new Error("The cluster isn't ready"));
      return command.promise;
    }
    measured(this.measure, this.status === 'ready', sent[0].promise);
    return super.sendCommand(...sent);
  }
}

/** Creates the client that all uses share. It does not connect yet. */
export const createClient = (settings: Settings, measure: Measure): RedisClient => {
  const { address } = settings;
  const client =
    address.mode === 'cluster'
      ? new MeasuredCluster(
          address.urls.map((url) => endpointOf(url)),
          {
            ...clusterOptions(settings, address.urls),
            lazyConnect: true,
          },
        )
      : new MeasuredRedis({ ...serverOptions(settings, address), lazyConnect: true });
  client.measure = measure;
  return client;
};

/**
 * Creates a connection for subscriptions. In a cluster it leads to any node, because all nodes pass messages on. If that
 * node fails, the connection ends for good, and the caller asks for another one.
 */
export const createSubscriber = (settings: Settings, client: RedisClient): Redis => {
  const { address } = settings;
  if (address.mode !== 'cluster') return new MeasuredRedis(serverOptions(settings, address));
  const known = client instanceof Cluster ? client.nodes('master').map(({ options }) => options) : [];
  const nodes = known.length > 0 ? known : address.urls.map((url) => endpointOf(url));
  const { host, port } = nodes[Math.floor(Math.random() * nodes.length)]!;
  return new MeasuredRedis({
    ...connectionOptions(settings),
    ...accountOf(address.urls[0]),
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    retryStrategy: () => null,
  });
};
