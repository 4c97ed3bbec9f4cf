import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { program, type Outcome } from '../../../check/chart/programs.ts';
import type { Cluster } from './cluster.ts';

export type Helm = (...args: readonly string[]) => Promise<Outcome>;

/** Runs Helm against the cluster, without blocking this process, because its servers must answer meanwhile. */
export const createHelm = ({ kubeconfig, directory }: Pick<Cluster, 'kubeconfig' | 'directory'>): Helm => {
  const path = resolve(program('helm'));
  const env = { PATH: process.env['PATH'], HOME: directory, KUBECONFIG: kubeconfig };
  return (...args) =>
    new Promise((done) => {
      execFile(
        path,
        [...args],
        { env, encoding: 'utf8', timeout: 180_000, maxBuffer: 2 ** 26 },
        (error, stdout, stderr) => done({ good: error === null, output: stdout, errors: stderr }),
      );
    });
};

/** @returns the output. @throws Error with the message of Helm, if it failed */
export const succeeded = ({ good, output, errors }: Outcome): string => {
  if (!good) throw new Error(`Helm failed: ${errors}`);
  return output;
};
