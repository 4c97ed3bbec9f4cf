import test from 'ava';
import { readImportGraph } from '../../scripts/check/import-graph.ts';
import { neededTools } from '../../scripts/check/workflows/needed-tools.ts';
import { toolFaults } from '../../scripts/check/workflows/tool-faults.ts';

const faultsOf = (jobs: string): string[] =>
  toolFaults({ 'a.yml': jobs }, (script) => (script === 'chaos' ? ['k6', 'toxiproxy'] : []));

test('a script needs the programs of what it imports and of what it starts', (t) => {
  const graph = readImportGraph();
  t.deepEqual(neededTools('scripts/run/mutations.ts', graph), ['k6', 'prometheus', 'toxiproxy']);
  t.deepEqual(neededTools('scripts/verify/collector-verify.ts', graph), ['otelcol']);
  t.deepEqual(neededTools('scripts/check/chart-check.ts', graph), ['helm', 'kubeconform', 'prometheus']);
  t.deepEqual(neededTools('scripts/run/histories.ts', graph), []);
});

test('a job that does not build a program of its scripts is named, with and without a matrix', (t) => {
  const matrix = (tools: string) =>
    `jobs: { proof: { strategy: { matrix: { include: [{ command: npm run chaos, tools: '${tools}' }] } }, steps: [{ run: x }] } }`;
  const plain = (tools: string) =>
    `jobs: { one: { steps: [{ with: { tools: '${tools}' } }, { run: npm run chaos }] } }`;
  for (const jobs of [matrix, plain]) {
    t.deepEqual(faultsOf(jobs('toxiproxy k6')), []);
    t.deepEqual(faultsOf(jobs('k6')), ['a.yml: npm run chaos needs toxiproxy, which its job does not build']);
    t.is(faultsOf(jobs('')).length, 2);
  }
});
