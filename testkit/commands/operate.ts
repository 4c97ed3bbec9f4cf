import { execFile } from 'node:child_process';

export type CommandResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type OperateOptions = {
  /** URL of the database. */
  readonly url: string;
  readonly environment?: Readonly<Record<string, string>>;
};

/**
 * Runs a command for operators as an operator does, in a process of its own: `operate({ url }, 'db.ts', 'export', file)` runs
 * `scripts/operate/db.ts`. The process gets few variables of this one, so that the tests cannot depend on them.
 */
export const operate = (
  { url, environment = {} }: OperateOptions,
  script: string,
  ...words: readonly string[]
): Promise<CommandResult> =>
  new Promise((done) => {
    const { PATH, NODE_COMPILE_CACHE } = process.env;
    const env = { PATH, NODE_COMPILE_CACHE, NODE_ENV: 'test', DATABASE_URL: url, ...environment };
    execFile(process.execPath, [`scripts/operate/${script}`, ...words], { env }, (error, stdout, stderr) => {
      done({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
