/**
 * Builds the programs for the checks from their pinned Go modules into .tools/bin. Existing programs are kept.
 * `node scripts/tools.ts NAME...`; without a name it lists the programs.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { tools, type Tool } from './support/tool-list.ts';

const binaries = resolve('.tools/bin');
const seconds = (since: number): string => `${Math.round((Date.now() - since) / 1_000)} s`;

const build = (tool: Tool, binary: string, source: string): Promise<void> =>
  new Promise((done, fail) => {
    const started = Date.now();
    const unfinished = join(binaries, `.${binary}.${process.pid}`);
    console.log(`${binary}: building ${source}`);
    const progress = setInterval(() => console.log(`${binary}: still building, ${seconds(started)}`), 30_000);
    const tags = tool.tags === undefined ? [] : ['-tags', tool.tags];
    const variables = Object.entries(tool.variables ?? {}).map(([name, value]) => `-X ${name}=${value}`);
    const linker = ['-s', '-w', ...variables].join(' ');
    const compiler = spawn(
      'go',
      ['build', '-buildvcs=false', '-trimpath', `-ldflags=${linker}`, ...tags, '-o', unfinished, source],
      { cwd: tool.directory, stdio: 'inherit', env: { ...process.env, GOFLAGS: '-mod=readonly' } },
    );
    compiler.once('error', (error) => {
      clearInterval(progress);
      fail(new Error(`${binary}: Go is needed to build it: ${error.message}`, { cause: error }));
    });
    compiler.once('exit', (status) => {
      clearInterval(progress);
      if (status !== 0) return fail(new Error(`${binary}: the build ended with status ${status}`));
      // The rename is atomic, so that the result of an interrupted build is never used as a program.
      renameSync(unfinished, join(binaries, binary));
      console.log(`${binary}: built in ${seconds(started)}`);
      done();
    });
  });

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(tools, name));
if (wanted.length === 0 || unknown.length > 0) {
  console.error(`usage: node scripts/tools.ts NAME...   NAME is one of ${Object.keys(tools).join(', ')}`);
  process.exitCode = 64;
} else {
  mkdirSync(binaries, { recursive: true });
  try {
    for (const name of wanted) {
      const tool = tools[name]!;
      for (const [binary, source] of Object.entries(tool.packages)) {
        if (existsSync(join(binaries, binary))) console.log(`${binary}: there already`);
        else await build(tool, binary, source);
      }
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
