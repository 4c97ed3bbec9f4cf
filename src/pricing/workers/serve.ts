import { writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { createCollectGarbage, type CollectGarbage } from '#src/kernel/memory/collect-garbage.ts';
import { nextTurnOfLoop } from '#src/kernel/streams/turns.ts';
import { createVolatilityForecaster } from '../forecast/volatility-forecast.ts';
import { createEngineFactory } from '../models/engine-factory.ts';
import type { Model } from '../models/models.ts';
import { createSearchWatch } from '../models/search-watch.ts';
import type { Frame } from './channel/frame.ts';
import { createFrameReader } from './channel/frame-reader.ts';
import { createFrameWriter } from './channel/frame-writer.ts';
import { coldMs } from './lanes/task-times.ts';
import { createOpenTask, type OpenTask } from './open-task.ts';
import { channelFd, jobRounds, type FromWorker, type TaskMessage, type ToWorker } from './protocol.ts';

/** Time for one task before the next one. Also the delay until a cancellation is read, without slow rows. */
const turnMs = 20;
const readBufferBytes = 262_144;
/** Time without a task after which a process collects its garbage. */
const restAfterMs = 3_000;
/** A client with a batch every two seconds leaves no such time, so a process that works little collects its garbage too. */
const lookEveryMs = 5_000;
const maxShareAtLook = 0.1;

/** When memory runs out, the kernel must kill this process before the service. */
const preferInOutOfMemory = (): void => {
  try {
    writeFileSync('/proc/self/oom_score_adj', '800');
  } catch {
    // Not Linux, or not allowed.
  }
};

/** Growth of the resident memory that an ordinary collection may leave. */
const keptGrowthBytes = 32 * 2 ** 20;

type CollectAtRestDeps = {
  readonly collect: CollectGarbage;
  /** Resident memory of this process. */
  readonly residentBytes: () => number;
};

/**
 * After large batches an ordinary collection leaves the young generation and free pages, about 90 MB. The flavor
 * `last-resort` gives them back. It takes 0.1 s and the next task is slower, so it is used only when they are there. What
 * stays after it is in use, so it is no reason for the next one. See docs/decisions/0156.
 */
export const createCollectAtRest = ({ collect, residentBytes }: CollectAtRestDeps): (() => void) => {
  const startBytes = residentBytes();
  let keptBytes = startBytes;
  return () => {
    collect();
    const bytes = residentBytes();
    // What has been given back is not kept.
    keptBytes = Math.max(startBytes, Math.min(keptBytes, bytes));
    if (bytes - keptBytes <= keptGrowthBytes) return;
    collect('last-resort');
    keptBytes = Math.max(startBytes, residentBytes());
  };
};

export type ServeOptions = {
  readonly before?: (task: TaskMessage, body: Uint8Array) => void;
  readonly models?: readonly Model[];
};

/** The main loop of a pricing process: receives tasks from the service and runs all open tasks in turns. */
export const serve = ({ before, models }: ServeOptions = {}): void => {
  preferInOutOfMemory();
  // Ctrl-C sends its signal to the whole process group, but the service decides when this process ends.
  process.on('SIGINT', () => {}).on('SIGTERM', () => {});
  const searches = createSearchWatch();
  const engines = createEngineFactory({ look: searches.look, ...(models && { models }) });
  const forecastVolatility = createVolatilityForecaster();
  const open = new Map<number, OpenTask>();
  let working = false;
  let workedMs = 0;
  let restTimer: NodeJS.Timeout | undefined;
  let restedBytes = process.memoryUsage.rss();
  let workedMsAtLook = 0;
  const collectGarbage = createCollectAtRest({
    collect: createCollectGarbage(),
    residentBytes: () => process.memoryUsage.rss(),
  });

  /**
   * Without this, the garbage of a large batch would stay until the next batch, and the service would kill this process
   * because of its size.
   */
  const rest = (): void => {
    collectGarbage();
    restedBytes = process.memoryUsage.rss();
    writer.write({ type: 'rested', residentBytes: restedBytes } satisfies FromWorker);
  };
  const look = (): void => {
    const share = (workedMs - workedMsAtLook) / lookEveryMs;
    workedMsAtLook = workedMs;
    if (working || share > maxShareAtLook) return;
    if (process.memoryUsage.rss() - restedBytes > keptGrowthBytes) rest();
  };

  const giveTurn = async (task: OpenTask): Promise<void> => {
    const begun = performance.now();
    const answer = await task.work(turnMs);
    workedMs += performance.now() - begun;
    if (answer === undefined) return;
    open.delete(task.id);
    writer.write(task.replied(answer.reply), answer.chunks);
  };

  const work = async (): Promise<void> => {
    working = true;
    clearTimeout(restTimer);
    for (let round = 0; open.size > 0; round += 1) {
      const isForAll = round % jobRounds === 0 || open.values().every(({ isJob }) => isJob);
      // The iteration includes tasks that arrive during it. It keeps no task, because an ended one is garbage.
      for (const id of open.keys()) {
        if (open.get(id)!.isJob && !isForAll) continue;
        await giveTurn(open.get(id)!);
        // Lets the event loop receive messages: new tasks and cancellations.
        await nextTurnOfLoop();
      }
    }
    working = false;
    restTimer = setTimeout(rest, restAfterMs);
  };

  const receive = ({ head, body }: Frame<ToWorker>): void => {
    if (head.type === 'cancel') {
      open.get(head.id)?.cancel();
      return;
    }
    const send = (message: FromWorker): void => void writer.write(message);
    send({ type: 'started', id: head.id });
    const isCold = (): boolean => workedMs < coldMs;
    const deps = { engines, searches, forecastVolatility, send, isCold, collect: collectGarbage, before };
    open.set(head.id, createOpenTask(head, body[0] ?? Buffer.alloc(0), deps));
    if (!working) void work();
  };
  setInterval(look, lookEveryMs);
  const take = createFrameReader<ToWorker>({ onFrame: receive, keepsPieces: false });
  const channel = new Socket({
    fd: channelFd,
    // All reads use one buffer, because the frame reader copies the bytes.
    onread: {
      buffer: Buffer.alloc(readBufferBytes),
      callback: (length, buffer) => {
        take(buffer.subarray(0, length));
        return true;
      },
    },
  });
  const writer = createFrameWriter(channel);
  // The service has ended, for whatever reason.
  const leave = (): never => process.exit(0);
  channel.on('end', leave).on('close', leave).on('error', leave);
  writer.write({ type: 'ready' } satisfies FromWorker);
};
