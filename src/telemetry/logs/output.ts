import * as fs from 'node:fs';

/** `queue_full`: the reader is too slow. `write_failed`: the system refuses the write, as for a full disk or a reader that has left. */
export type LossReason = 'queue_full' | 'write_failed';

export type OutputDeps = {
  readonly fd: number;
  /** Max bytes that wait for a slow reader. Above it lines are lost. */
  readonly maxBytes: number;
  /** Gets the number of lines that are lost. */
  readonly onLost: (reason: LossReason, lines: number) => void;
  /** Default: that of `node:fs`. */
  readonly write?: (
    fd: number,
    bytes: Buffer,
    done: (error: NodeJS.ErrnoException | null, written: number) => void,
  ) => void;
  /** Default: that of `node:fs`. */
  readonly writeSync?: (fd: number, bytes: Buffer) => number;
  /** Time in milliseconds that never goes back. */
  readonly now?: () => number;
};

export type Output = {
  /** Writes lines, each with its line feed, without a wait. It never throws. */
  readonly write: (lines: string) => void;
  /** Waits until all lines are written, at most `timeoutMs`. False if they are not. */
  readonly flush: (timeoutMs: number) => Promise<boolean>;
  /** Writes what still waits when the process exits. It stops at the first error, and when the reader does not read for a second in all, because the exit waits. */
  readonly writeAtExit: () => void;
};

/** Shorter texts are joined up to this size. Logs of containers are read in pieces of it. */
const maxWriteBytes = 16_384;
/** Pause before the next attempt if a pipe that does not block is full. */
const busyMs = 100;
/** Max number of these pauses at the exit of the process. */
const maxPausesAtExit = 10;
/** Pause after an error. A full disk must not cost a write for each line. */
const restMs = 1_000;
const lineFeed = 10;

const isBusy = ({ code }: NodeJS.ErrnoException): boolean => code === 'EAGAIN' || code === 'EBUSY';

const countLines = (lines: string): number => {
  let count = 0;
  for (let at = lines.indexOf('\n'); at !== -1; at = lines.indexOf('\n', at + 1)) count += 1;
  return count;
};

/**
 * Writes lines to a descriptor in order, one write at a time. An error of a write loses the lines that wait, and writing is tried again
 * after a pause: a process that serves must not end because its log has no place. The destination of pino is not used, because it emits such
 * an error without a listener, ignores all lines after EPIPE without a word, and tries for ever at the exit of the process.
 */
export const createOutput = (deps: OutputDeps): Output => {
  const { fd, maxBytes, onLost, write = fs.write, writeSync = fs.writeSync, now = () => performance.now() } = deps;
  let waiting: { text: string; bytes: number }[] = [];
  let waitingBytes = 0;
  /** What is left of the write in progress. */
  let rest: Buffer | undefined;
  /** The write in progress pauses, so nobody else writes `rest`. */
  let isPausing = false;
  /** An error has cut a line, so the next one must not continue it. */
  let isCut = false;
  let failedAt = -Infinity;
  let waiters: ((isWritten: boolean) => void)[] = [];

  const settle = (isWritten: boolean): void => {
    const settled = waiters;
    waiters = [];
    for (const resolve of settled) resolve(isWritten);
  };
  const fail = (left: Buffer): void => {
    // A line that lacks its line feed only is not lost.
    const ofRest = countLines(left.toString('latin1', left[0] === lineFeed ? 1 : 0));
    const lines = waiting.reduce((sum, { text }) => sum + countLines(text), ofRest);
    waiting = [];
    waitingBytes = 0;
    rest = undefined;
    failedAt = now();
    settle(false);
    onLost('write_failed', lines);
  };
  const pause = (bytes: Buffer): void => {
    isPausing = true;
    setTimeout(() => {
      isPausing = false;
      put(bytes);
    }, busyMs);
  };
  const put = (bytes: Buffer): void => {
    rest = bytes;
    write(fd, bytes, (error, written) => {
      if (error) {
        if (isBusy(error)) pause(bytes);
        else fail(bytes);
        return;
      }
      if (written > 0) isCut = bytes[written - 1] !== lineFeed;
      if (written < bytes.length) put(bytes.subarray(written));
      else putNext();
    });
  };
  const putNext = (): void => {
    const next = waiting.shift();
    rest = undefined;
    if (next === undefined) {
      settle(true);
      return;
    }
    waitingBytes -= next.bytes;
    put(Buffer.from(isCut ? `\n${next.text}` : next.text));
  };

  return {
    write: (lines) => {
      if (now() - failedAt < restMs) {
        onLost('write_failed', countLines(lines));
        return;
      }
      const bytes = Buffer.byteLength(lines);
      if (waitingBytes + bytes > maxBytes) {
        onLost('queue_full', countLines(lines));
        return;
      }
      const last = waiting.at(-1);
      if (last && last.bytes + bytes <= maxWriteBytes) {
        last.text += lines;
        last.bytes += bytes;
      } else waiting.push({ text: lines, bytes });
      waitingBytes += bytes;
      if (rest === undefined) putNext();
    },
    flush: async (timeoutMs) => {
      if (rest === undefined) return now() - failedAt >= restMs;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      waiters.push(resolve);
      const timer = setTimeout(resolve, timeoutMs, false);
      return promise.finally(() => clearTimeout(timer));
    },
    writeAtExit: () => {
      const texts = waiting.map(({ text }) => Buffer.from(text));
      let bytes = Buffer.concat(isPausing ? [rest!, ...texts] : texts);
      waiting = [];
      for (let left = maxPausesAtExit; bytes.length > 0 && left > 0;) {
        try {
          bytes = bytes.subarray(writeSync(fd, bytes));
        } catch (error) {
          if (!isBusy(error as NodeJS.ErrnoException)) return;
          left -= 1;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, busyMs);
        }
      }
    },
  };
};
