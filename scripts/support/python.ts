import { spawnSync } from 'node:child_process';

const minMinor = 11;
const candidates = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.14'];

/** Whether the program is a Python that our packages support and that can make a virtual environment. */
export const isUsablePython = (program: string): boolean => {
  const test = `import ensurepip, sys, venv; sys.exit(sys.version_info < (3, ${minMinor}))`;
  return spawnSync(program, ['-c', test], { stdio: 'ignore' }).status === 0;
};

/** The first usable Python on PATH. `python3` itself can be too old beside a usable `python3.12`. */
export const findPython = (): string | undefined => candidates.find(isUsablePython);

/** @throws Error that says what to install */
export const requirePython = (): string => {
  const found = findPython();
  if (found !== undefined) return found;
  throw new Error(
    `Python 3.${minMinor} or newer with venv is needed (Debian and Ubuntu: apt-get install python3-venv)`,
  );
};
