import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { eventually } from './eventually.ts';

export type LogLine = Readonly<Record<string, unknown>> & { readonly message?: string; readonly level?: string };

/** The service as an operator runs it: a separate process with its addresses, log and exit status. */
export type Service = {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly url: string;
  readonly adminUrl: string;
  readonly log: readonly LogLine[];
  readonly stderr: () => string;
  /** Resolves when a log line matches; rejects when the process ends or `timeoutMs` passes. */
  readonly logged: (matches: (line: LogLine) => boolean, timeoutMs?: number) => Promise<LogLine>;
  readonly ready: (timeoutMs?: number) => Promise<void>;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Sends SIGTERM, and SIGKILL after `graceMs`. Does nothing if the process has ended. */
  readonly stop: (graceMs?: number) => Promise<number | null>;
};

export type ServiceOptions = {
  /** Replaces the defaults: free ports, telemetry on, no export. `undefined` removes a variable. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly nodeArguments?: readonly string[];
  /** Another checkout of the service. Default: this one. */
  readonly directory?: string;
  /** In its own process group, so that a test can send a signal to all its processes, as Ctrl-C in a terminal does. */
  readonly detached?: boolean;
  /** The max time until the service listens; a busy machine may need more than the default of 30 s. */
  readonly startTimeoutMs?: number;
};

/** As in `npm start` and the image: memory that is freed goes back to the system. See docs/decisions/0121. */
export const allocatorSettings = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '16777216',
};

/** As in `npm start` and the image: short collections of the young generation. See docs/decisions/0271. */
export const startArguments = [
  '--max-semi-space-size=8',
  '--v8-pool-size=0',
  '--import',
  './src/telemetry/preload.ts',
  'src/main.ts',
];

const defaults = { NODE_ENV: 'test', PORT: '0', METRICS_PORT: '0', LOG_LEVEL: 'info', RATE_LIMIT_ENABLED: 'false' };

export const startService = async ({
  environment = {},
  nodeArguments = [],
  detached = false,
  directory,
  startTimeoutMs = 60_000,
}: ServiceOptions = {}): Promise<Service> => {
  const child = spawn(process.execPath, [...nodeArguments, ...startArguments], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      ...allocatorSettings,
      ...defaults,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: directory,
    detached,
  });
  const log: LogLine[] = [];
  const watchers = new Set<() => void>();
  let stderr = '';
  let ended = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  createInterface({ input: child.stdout }).on('line', (text) => {
    try {
      log.push(JSON.parse(text) as LogLine);
    } catch {
      log.push({ unparsed: text });
    }
    for (const watch of watchers) watch();
  });
  // The event `close` follows the last line of the log; `exit` can precede it.
  const exited = once(child, 'close').then(([code, signal]) => {
    ended = true;
    for (const watch of watchers) watch();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });

  const logged: Service['logged'] = (matches, timeoutMs = 30_000) =>
    new Promise((resolve, reject) => {
      const finish = (act: () => void) => {
        watchers.delete(watch);
        clearTimeout(timer);
        act();
      };
      const watch = () => {
        const found = log.find(matches);
        if (found) finish(() => resolve(found));
        else if (ended) finish(() => reject(new Error(`the service ended first (${child.exitCode}): ${stderr}`)));
      };
      const timer = setTimeout(
        () => finish(() => reject(new Error(`not logged within ${timeoutMs} ms: ${stderr}`))),
        timeoutMs,
      );
      watchers.add(watch);
      watch();
    });

  const stop: Service['stop'] = async (graceMs = 20_000) => {
    if (!ended) child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    const { code } = await exited;
    clearTimeout(timer);
    return code;
  };

  const listening = await logged(({ message }) => message === 'listening', startTimeoutMs).catch(
    async (error: unknown) => {
      await stop(1_000);
      throw error;
    },
  );
  const url = String(listening['url']);
  const ready: Service['ready'] = async (timeoutMs = 60_000) => {
    const isReady = async (): Promise<boolean> => {
      if (ended) throw new Error(`the service ended before it was ready (${child.exitCode}): ${stderr}`);
      const response = await fetch(`${url}/health/ready`).catch(() => undefined);
      await response?.arrayBuffer();
      return response?.status === 200;
    };
    await eventually(isReady, () => `the service is ready: ${stderr}`, timeoutMs);
  };
  return {
    process: child,
    pid: child.pid!,
    url,
    adminUrl: String(listening['admin_url']),
    log,
    stderr: () => stderr,
    logged,
    ready,
    exited,
    stop,
  };
};
