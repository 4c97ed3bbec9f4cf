import { AsyncLocalStorage } from 'node:async_hooks';
import { byteLengthOf } from '#src/kernel/streams/byte-length.ts';
import {
  cancelTime,
  isLargeText,
  rowMsOf,
  takeNext,
  withKnownAnswer,
  type LaneTask,
  type OpenTask,
} from './lane-task.ts';
import { createFailedStarts } from './failed-starts.ts';
import { membersWithPlace, minLoadOf, openedBy, type Member } from './lane-member.ts';
import type { KilledBecause, LaneOptions } from './lane-options.ts';
import { createTaskTimes } from './task-times.ts';
import { usageOf } from '../process-usage.ts';
import type { FromWorker } from '../protocol.ts';
import { watchCancelled, watchForStall } from '../stall-watch.ts';
import { startWorkerProcess, type WorkerExit } from '../worker-process.ts';

export type Lane = {
  /** A closed lane loses the task at once. @returns the tasks that lost their place in the queue */
  readonly add: (task: LaneTask) => LaneTask[];
  /**
   * Removes a waiting task, or sends a cancellation to the process of an open task. @returns whether the task was
   * waiting
   */
  readonly cancel: (task: LaneTask) => boolean;
  /** The min sum of the weights of the open tasks of one process; 0 while another process can be started. */
  readonly minLoad: (weight: (task: LaneTask) => number) => number;
  readonly waiting: () => number;
  readonly busy: () => number;
  /** Kills the processes and waits for their end. Waiting and open tasks are lost. */
  readonly close: () => Promise<void>;
};

const idleMs = 20_000;
/** Times that a task is run again after its process ended. */
const maxLosses = 2;
/** Expected duration of the start of a process. */
const startMs = 5_000;
/** A group of processes that take tasks from one fair queue. A process starts when there is work for it. */
export const createLane = (options: LaneOptions): Lane => {
  const { queue, processes, places, keptBytes, stallMs, cancelGraceMs, onEnd, onDisplaced, onSuspicion, onChange } =
    options;
  const members = new Set<Member>();
  // A process outlives the request that started it, so its log lines must not belong to that request.
  const outsideOfRequests = AsyncLocalStorage.snapshot();
  const times = createTaskTimes(queue, () =>
    members.values().flatMap(({ open }) => open.values().map(({ task }) => task)),
  );
  let closed = false;

  const kill = (member: Member, why: KilledBecause): void => {
    member.killed ??= why;
    member.process.kill();
  };

  /**
   * Kills the process if it does not end a cancelled task in time. The time starts after the process has started the
   * task, because a task that was cancelled earlier ends at its first turn.
   */
  const killUnlessCancelled = (member: Member, task: LaneTask): void =>
    watchCancelled({
      graceMs: () => cancelTime(cancelGraceMs, member.open.values(), places, member.maxTurnMs),
      hasEnded: () => !member.open.has(task.head.id),
      usage: () => usageOf(member.process.pid),
      onIgnored: () => kill(member, 'cancelled'),
    });

  const finished = (member: Member): void => {
    // A last message of a process that `close` has killed: it must go on to keep this program running until it has ended.
    if (member.open.size === 0 && !closed) {
      member.process.setIdle(true);
      member.maxTurnMs = 0;
      member.idleTimer = setTimeout(() => {
        if (member.residentBytes > keptBytes) kill(member, 'recycled');
      }, idleMs).unref();
    }
    pump();
    onChange();
  };

  /** The process has the task no longer. */
  const closeTask = (member: Member, opened: OpenTask): void => {
    member.open.delete(opened.task.head.id);
    times.ended(opened);
    opened.arrived?.();
    if (isLargeText(opened.task)) largeTextPlaces.ended();
  };

  const receive = (member: Member, message: FromWorker, body: readonly Uint8Array[]): void => {
    member.stall.alive();
    if (message.type === 'ready') {
      member.isReady = true;
      return;
    }
    if (message.type === 'rested') {
      member.residentBytes = message.residentBytes;
      return;
    }
    const opened = member.open.get(message.id);
    if (opened === undefined) return;
    const { task } = opened;
    if (message.type === 'started') {
      opened.isStarted = true;
      if (opened.isCancelled) killUnlessCancelled(member, task);
    }
    if (message.type === 'opened') {
      task.summary = withKnownAnswer(message.summary, task.summary);
      times.opened(opened, message.summary);
    }
    if (message.type !== 'progress' && message.type !== 'reply') return;
    member.workedMs += message.workedMs;
    member.maxTurnMs = Math.max(member.maxTurnMs, message.maxTurnMs);
    times.worked(opened, message.workedMs);
    if (message.type !== 'reply') return;
    closeTask(member, opened);
    member.residentBytes = message.residentBytes;
    times.answered(opened, byteLengthOf(body));
    task.replied(message.reply, message.span, body);
    finished(member);
  };

  /**
   * Puts a task of an ended process into the queue again, so that a task of another caller does not fail it. If the cause
   * is not known, the task runs alone the next time.
   */
  const isRunAgain = ({ task, isCancelled }: OpenTask, count: number, killed: Member['killed']): boolean => {
    if (closed || isCancelled || count === 1 || task.losses >= maxLosses) return false;
    task.losses += 1;
    task.runsAlone = killed !== 'cancelled';
    onDisplaced(queue.add(task));
    return true;
  };

  const ended = (member: Member, exit: WorkerExit): void => {
    members.delete(member);
    member.stall.stop();
    clearTimeout(member.idleTimer);
    const { killed } = member;
    const lost = [...member.open.values()];
    const tasks = lost.map(({ task }) => task);
    if (killed !== 'recycled' && !closed) onEnd(tasks, exit, killed);
    for (const each of lost) {
      closeTask(member, each);
      if (!isRunAgain(each, lost.length, killed)) each.task.lost(killed === 'stalled' ? 'stalled' : 'ended');
    }
    if (!closed) pump();
    onChange();
  };

  /** @returns undefined if the system did not start the process */
  const startMember = (): Member | undefined => {
    const { filename, heapMegabytes, niceness } = options;
    const open: Member['open'] = new Map();
    const { promise: exited, resolve: resolveExited } = Promise.withResolvers<void>();
    const process = startWorkerProcess({
      filename,
      heapMegabytes,
      niceness,
      onMessage: (message, body) => receive(member, message, body),
      onBody: (message, bytes) => {
        const opened = 'id' in message ? open.get(message.id) : undefined;
        if (opened !== undefined) opened.arrived = options.arriving.add(bytes);
      },
      onTaken: () => member.stall.alive(),
      onStartError: options.onStartError,
      onExit: (exit) => {
        ended(member, exit);
        resolveExited();
      },
    });
    if (process === undefined) {
      failedStarts.failed();
      return undefined;
    }
    failedStarts.succeeded();
    const stall = watchForStall({
      stallMs,
      isWorking: () => open.size > 0,
      // On a busy machine the start takes seconds, which is not a stall.
      maxRowMs: () => (member.isReady ? Math.max(0, ...open.values().map(({ task }) => rowMsOf(task))) : startMs),
      usage: () => usageOf(process.pid),
      onSuspicion,
      onStall: () => kill(member, 'stalled'),
    });
    const unused = { isReady: false, workedMs: 0, maxTurnMs: 0, residentBytes: 0 };
    const member: Member = { process, open, stall, exited, ...unused };
    members.add(member);
    return member;
  };

  /**
   * An idle process; else a new process, if the lane may start one; else the processes with a free place, the one with
   * the fewest tasks first.
   */
  const findMembers = (): readonly Member[] => {
    const free = membersWithPlace(members, places);
    const [first] = free;
    if (first?.open.size === 0) return [first];
    if (members.size < processes && !failedStarts.isPaused()) {
      const started = outsideOfRequests(startMember);
      if (started !== undefined) return [started];
    }
    // A task that must run alone needs a process that becomes idle, so no other task joins one meanwhile.
    return queue.has(({ runsAlone }) => runsAlone) ? [] : free;
  };

  const pump = (): void => {
    sendWaiting();
    if (members.size === 0 && failedStarts.isLasting()) {
      options.onNotStarted(queue.clear());
      onChange();
    }
    largeTextPlaces.settle(queue.has(isLargeText));
  };
  const failedStarts = createFailedStarts(pump);
  const largeTextPlaces = options.largeTexts.forLane(pump);

  /** Sends waiting tasks to processes until no task or no process is free. */
  const sendWaiting = (): void => {
    while (queue.size() > 0) {
      const next = findMembers()
        .values()
        .map((member) => ({
          member,
          task: takeNext(queue, [...member.open.values()], places, largeTextPlaces.ask),
        }))
        .find(({ task }) => task !== undefined);
      if (next?.task === undefined) return;
      const { member, task } = next;
      if (isLargeText(task)) largeTextPlaces.opened();
      clearTimeout(member.idleTimer);
      member.process.setIdle(false);
      const frame = member.process.send({ type: 'task', ...task.head, limits: task.limits }, task.body.blocks);
      member.open.set(task.head.id, openedBy(member, task, frame));
      member.stall.alive();
    }
  };

  return {
    add: (task) => {
      // A process may have returned the task before it was killed, and its reply is read after the close.
      if (closed) {
        task.lost('ended');
        return [];
      }
      const displaced = queue.add(task);
      pump();
      return displaced;
    },
    cancel: (task) => {
      if (queue.remove(task)) {
        // Others may have waited behind it.
        pump();
        return true;
      }
      const { id } = task.head;
      const member = [...members].find(({ open }) => open.has(id));
      const opened = member?.open.get(id);
      if (member === undefined || opened === undefined) return false;
      // The process does not know a task whose body has not arrived.
      if (opened.frame.withdraw()) {
        closeTask(member, opened);
        finished(member);
        return false;
      }
      opened.isCancelled = true;
      member.process.send({ type: 'cancel', id });
      if (opened.isStarted) killUnlessCancelled(member, task);
      return false;
    },
    minLoad: (weight) => {
      if (members.size < processes) return 0;
      return minLoadOf(members, weight);
    },
    waiting: () => queue.size(),
    busy: () => [...members].filter(({ open }) => open.size > 0).length,
    close: async () => {
      closed = true;
      failedStarts.close();
      for (const task of queue.clear()) task.lost('ended');
      for (const member of members) {
        // An idle process does not keep this program running, but `close` must wait for its end.
        member.process.setIdle(false);
        kill(member, 'closed');
      }
      await Promise.all([...members].map(async (member) => member.exited));
    },
  };
};
