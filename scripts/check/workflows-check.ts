/**
 * Checks .github with actionlint, that the workflows run what .ci/run runs, and nightly what it leaves out, and that each
 * job builds the programs that its scripts use. Needs
 * `node scripts/tools.ts actionlint`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tools } from '../support/tool-list.ts';
import { attempt, program } from './chart/programs.ts';
import { readImportGraph } from './import-graph.ts';
import { neededTools } from './workflows/needed-tools.ts';
import { toolFaults } from './workflows/tool-faults.ts';
import { workflowFaults } from './workflows/workflow-faults.ts';

const paths = ['.github/workflows', '.github/actions'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yml'))
    .map((name) => join(folder, name)),
);
const workflows = Object.fromEntries(paths.map((path) => [path, readFileSync(path, 'utf8')]));
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
const graph = readImportGraph();
const fileOf = (script: string): string => /scripts\/[\w/-]+\.ts/.exec(scripts[script] ?? '')?.[0] ?? '';
const faults = workflowFaults({
  workflows,
  ciRun: readFileSync('.ci/run', 'utf8'),
  scripts,
  tools: Object.keys(tools),
});
faults.push(...toolFaults(workflows, (script) => neededTools(fileOf(script), graph)));
// shellcheck and pyflakes are other programs, which a machine may have in any version.
const linted = attempt(program('actionlint'), ['-shellcheck=', '-pyflakes=']);
if (!linted.good) faults.push(linted.output + linted.errors);

for (const fault of faults) console.error(fault);
if (faults.length === 0) console.log(`workflows: ${paths.length} files are valid and cover .ci/run`);
process.exitCode = faults.length === 0 ? 0 : 1;
