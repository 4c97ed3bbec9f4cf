export type TestTotals = {
  /** Reads a piece of the output of AVA's reporter, without colours. */
  readonly read: (text: string) => void;
  /** The files with a failed test or hook, or that ended early. */
  readonly failedFiles: () => string[];
  /** Removes the failures, because their files run again. */
  readonly forgetFailures: () => void;
  /** `N passed, N failed`; a run that failed without a failed test counts as one. */
  readonly line: (succeeded: boolean) => string;
};

/** Counts the results of one or more runs of AVA by the titles of the tests. */
export const createTestTotals = (): TestTotals => {
  const passed = new Set<string>();
  const failed = new Set<string>();
  const files = new Set<string>();
  let rest = '';
  const readLine = (line: string): void => {
    // The reporter names a file only with a failure.
    for (const [file] of line.matchAll(/test\/[\w./-]+\.test\.ts/g)) files.add(file);
    const [, mark, title = ''] = /^\s*(✔|✘ \[fail\]:) (.*?)(?: \([\d.]+m?s\))?$/.exec(line) ?? [];
    if (mark === '✔') {
      passed.add(title);
    } else if (mark !== undefined) failed.add(title);
  };
  return {
    read: (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(readLine);
    },
    failedFiles: () => [...files],
    forgetFailures: () => {
      failed.clear();
      files.clear();
    },
    line: (succeeded) => `${passed.size} passed, ${Math.max(failed.size, succeeded ? 0 : 1)} failed`,
  };
};
