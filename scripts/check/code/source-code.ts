import { globSync, readFileSync } from 'node:fs';

/** Code by path. Default: that of the service. */
export const readCode = (patterns: readonly string[] = ['src/**/*.ts']): ReadonlyMap<string, string> =>
  new Map(globSync([...patterns]).map((path) => [path, readFileSync(path, 'utf8')]));
