import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

export type Ran = {
  readonly output: string;
  /** What the shell said of commands that do not exist or are wrong. Empty if they work. */
  readonly faults: readonly string[];
};

/** What no command of a runbook may say, whatever the state of the service is. */
const wrong =
  /command not found|syntax error|No such file|Usage:|invalid option|ERROR: .*(?:does not exist|syntax)|ReferenceError|SyntaxError/;

const maxMs = 40_000;

/** Runs a block of commands in a shell, as an operator pastes it. */
export const runCommands = (block: string, environment: Readonly<Record<string, string>>): Promise<Ran> =>
  new Promise((done, fail) => {
    const shell = spawn('bash', ['-c', block], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: maxMs,
      env: {
        PATH: `${resolve('node_modules/.bin')}:${process.env['PATH']}`,
        HOME: process.env['HOME'],
        ...environment,
      },
    });
    let output = '';
    for (const stream of [shell.stdout, shell.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    shell.once('error', fail);
    shell.once('close', (_, signal) =>
      done({
        output,
        faults: [
          ...output.split('\n').filter((line) => wrong.test(line)),
          ...(signal === null ? [] : [`ended by ${signal} after ${maxMs / 1_000} s`]),
        ],
      }),
    );
  });
