import { execFileSync, type ChildProcess } from 'node:child_process';

/** Longer than the longest `t.timeout()` of a test. */
export const maxSilenceMs = 11 * 60_000;
/** For AVA to print the tests that did not end. */
const printMs = 10_000;

export type SilentRun = {
  /** The run has printed something. */
  readonly heard: () => void;
  readonly stop: () => void;
};

const childrenOf = (parent: number): number[] => {
  try {
    return execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number))
      .flatMap(([pid, parentPid]) => (parentPid === parent && pid !== undefined ? [pid] : []));
  } catch {
    return [];
  }
};

const kill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
};

/**
 * Ends a run of AVA that has printed nothing for `silenceMs`. AVA prints then which tests did not end and which files
 * did not exit. Its own limit, `timeout` in ava.config.js, is not enough: AVA 8.0.1 starts its timer no second time when
 * the limit passes within the time of a `t.timeout()`, so a file that hangs then hangs the run for ever.
 */
export const endSilentRun = (ava: ChildProcess, silenceMs: number = maxSilenceMs): SilentRun => {
  const end = (): void => {
    console.error(`\nThe tests printed nothing for ${silenceMs / 1_000} s and are ended.`);
    // A test file whose event loop is busy obeys no SIGTERM of AVA.
    const files = ava.pid === undefined ? [] : childrenOf(ava.pid);
    ava.kill('SIGINT');
    setTimeout(() => {
      files.forEach(kill);
      if (ava.exitCode === null) ava.kill('SIGKILL');
    }, printMs).unref();
    ava.once('exit', () => files.forEach(kill));
  };
  const timer = setTimeout(end, silenceMs);
  return { heard: () => void timer.refresh(), stop: () => clearTimeout(timer) };
};
