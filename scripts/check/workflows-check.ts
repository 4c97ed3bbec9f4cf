/**
 * Checks .github with actionlint, and that the workflows run what .ci/run runs, and nightly what it leaves out. Needs
 * `node scripts/tools.ts actionlint`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attempt, program } from './chart/programs.ts';
import { workflowFaults } from './workflows/workflow-faults.ts';

const paths = ['.github/workflows', '.github/actions'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yml'))
    .map((name) => join(folder, name)),
);
const usage = attempt(process.execPath, ['scripts/tools.ts']).errors;
const faults = workflowFaults({
  workflows: Object.fromEntries(paths.map((path) => [path, readFileSync(path, 'utf8')])),
  ciRun: readFileSync('.ci/run', 'utf8'),
  scripts: (JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }).scripts,
  tools: usage.trim().split('is one of ').at(-1)!.split(', '),
});
// shellcheck and pyflakes are other programs, which a machine may have in any version.
const linted = attempt(program('actionlint'), ['-shellcheck=', '-pyflakes=']);
if (!linted.good) faults.push(linted.output + linted.errors);

for (const fault of faults) console.error(fault);
if (faults.length === 0) console.log(`workflows: ${paths.length} files are valid and cover .ci/run`);
process.exitCode = faults.length === 0 ? 0 : 1;
