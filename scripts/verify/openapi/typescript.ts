import { join } from 'node:path';
import { emptyOutput, installOnce, outputOf, run, toolsDirectory } from './run.ts';
import type { Target } from './target.ts';

/** The npm packages of tools/openapi. They are apart from those of the service, because they need an older TypeScript. */
export const installNpmTools = (): void =>
  installOnce('package-lock.json', join(toolsDirectory, 'node_modules'), () =>
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']),
  );

export const lint = ({ document }: Target): void => run('node', ['lint.mjs', document]);

const lines = (text: string): number => text.split('\n').filter((line) => line.startsWith('ok ')).length;

/** Generates with openapi-typescript and @hey-api/openapi-ts, compiles, and calls the service. */
export const verifyTypeScript = ({ document, arguments: credentials }: Target): void => {
  const binary = (name: string): string => join(toolsDirectory, 'node_modules/.bin', name);
  run(binary('openapi-typescript'), [document, '-o', emptyOutput('openapi-typescript.d.ts')]);
  run(binary('openapi-ts'), ['-i', document, '-o', emptyOutput('hey-api')]);
  run(binary('tsc'), ['-p', 'tsconfig.json']);
  for (const client of ['openapi-fetch', 'hey-api']) {
    const output = outputOf('node', ['--import', './calls/resolve.mjs', `calls/${client}.ts`, ...credentials]);
    console.log(`${client}: compiled, ${lines(output)} calls as expected`);
  }
};
