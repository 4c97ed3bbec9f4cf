import { spawn, type ChildProcess } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { setPriority } from 'node:os';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createFrameReader } from './channel/frame-reader.ts';
import { createFrameWriter, type SentFrame } from './channel/frame-writer.ts';
import { channelFd, type FromWorker, type ToWorker } from './protocol.ts';

export type WorkerExit = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Fatal error message of V8, for example that the heap limit was reached. */
  readonly fatal: string | undefined;
};

export type WorkerProcess = {
  readonly pid: number | undefined;
  readonly send: (message: ToWorker, body?: readonly Uint8Array[]) => SentFrame;
  readonly kill: () => void;
  /** An idle process does not keep this program running. When the program ends, the process ends too. */
  readonly setIdle: (isIdle: boolean) => void;
};

export type WorkerProcessOptions = {
  /** Program of the process, as a file URL. */
  readonly filename: string;
  readonly heapMegabytes: number;
  /** 0 is the priority of the service. A larger number is a lower priority. */
  readonly niceness: number;
  readonly onMessage: (message: FromWorker, body: readonly Uint8Array[]) => void;
  /** The head of a message has arrived, whose body has so many bytes. */
  readonly onBody?: (message: FromWorker, bodyBytes: number) => void;
  /** The process has taken a part of a large body. */
  readonly onTaken: () => void;
  /** The system did not start the process, for example without a free file descriptor. */
  readonly onStartError: (error: Error) => void;
  /** Called once, if the process was started. */
  readonly onExit: (exit: WorkerExit) => void;
};

const stderrCharacters = 8_192;

/** @throws Error of the system for some causes; for the others the process has no id, and an event `error` follows */
const spawnProgram = ({ filename, heapMegabytes }: WorkerProcessOptions): ChildProcess => {
  // The process starts faster with the compile cache.
  const compileCache = getCompileCacheDir();
  return spawn(
    process.execPath,
    [
      `--max-old-space-size=${heapMegabytes}`,
      // See docs/decisions/0093.
      '--external-memory-accounted-in-global-limit',
      // The live heap is about 10 MB, and by default V8 marks it again after each 20 MB of requests. With this flag it marks
      // when the heap has doubled: a fifth less processor time per batch. See docs/decisions/0156.
      '--heap-growing-percent=100',
      // By default V8 has four threads for the garbage of this small heap. See docs/decisions/0337.
      '--v8-pool-size=1',
      fileURLToPath(filename),
    ],
    {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      env: {
        // Makes malloc return freed memory to the system. See docs/decisions/0121.
        MALLOC_ARENA_MAX: '2',
        MALLOC_MMAP_THRESHOLD_: '131072',
        MALLOC_TRIM_THRESHOLD_: '16777216',
        ...(compileCache !== undefined && { NODE_COMPILE_CACHE: compileCache }),
      },
    },
  );
};

/** @returns undefined if the system did not start the process */
const spawned = (options: WorkerProcessOptions): ChildProcess | undefined => {
  let child: ChildProcess;
  try {
    child = spawnProgram(options);
  } catch (error) {
    options.onStartError(error as Error);
    return undefined;
  }
  if (child.pid !== undefined) return child;
  // Without a listener the event ends the service.
  child.once('error', options.onStartError);
  return undefined;
};

/**
 * Starts a pricing process. It inherits neither the telemetry preload nor the secrets of this process.
 * @returns undefined if the system did not start it; `onStartError` is called with the cause
 */
export const startWorkerProcess = (options: WorkerProcessOptions): WorkerProcess | undefined => {
  const { niceness, onMessage, onBody, onTaken, onExit } = options;
  const child = spawned(options);
  if (child === undefined) return undefined;
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-stderrCharacters);
  });
  const channel = child.stdio[channelFd] as Socket;
  channel.on(
    'data',
    createFrameReader<FromWorker>({
      onFrame: ({ head, body }) => onMessage(head, body),
      ...(onBody && { onBody }),
      keepsPieces: true,
    }),
  );
  const writer = createFrameWriter(channel, { onTaken });
  // An error means that the process has ended, and `onExit` reports that.
  channel.on('error', () => {});
  let ended = false;
  const end = (code: number | null, signal: NodeJS.Signals | null): void => {
    if (ended) return;
    ended = true;
    onExit({ code, signal, fatal: /^FATAL ERROR: .*$/m.exec(stderr)?.[0] });
  };
  child.on('error', () => end(null, null));
  child.on('close', end);
  try {
    if (niceness > 0 && child.pid !== undefined) setPriority(child.pid, niceness);
  } catch {
    // The process has ended already, or the system has no priorities.
  }
  return {
    pid: child.pid,
    send: (message, body) => writer.write(message, body),
    kill: () => void child.kill('SIGKILL'),
    setIdle: (isIdle) => {
      for (const handle of [child, channel, child.stderr as Socket]) {
        if (isIdle) handle.unref();
        else handle.ref();
      }
    },
  };
};
