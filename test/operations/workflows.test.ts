import test from 'ava';
import { workflowFaults, type WorkflowFiles } from '../../scripts/check/workflows/workflow-faults.ts';

const files: WorkflowFiles = {
  workflows: {
    '.github/workflows/ci.yml':
      'steps:\n  - run: npm run check\n  - run: npm test -- --retry\n  - with: { tools: k6 }\n',
    '.github/workflows/nightly.yml': 'include:\n  - { command: npm run chaos, tools: k6 helm }\n',
  },
  ciRun:
    "npm ci\nnpm run setup\nnpm run check\nnpm test -- --retry\ncat <<'END'\n  npm run chaos   the matrix\n  npm run bench:*\nEND\n",
  scripts: { check: '', test: '', chaos: '' },
  tools: ['k6', 'helm'],
};
const withNightly = (text: string): WorkflowFiles => ({
  ...files,
  workflows: { ...files.workflows, '.github/workflows/nightly.yml': text },
});

test('workflows that run all of .ci/run, and nightly what it leaves out, have no fault', (t) => {
  t.deepEqual(workflowFaults(files), []);
});

for (const [what, given, fault] of [
  ['a step of .ci/run without a job', { ...files, ciRun: `npm run smoke\n${files.ciRun}` }, 'no job runs smoke'],
  ['a proof that no night runs', withNightly('on: schedule'), 'no job runs chaos, which .ci/run leaves out'],
  [
    'a proof with a digit in its name',
    {
      ...files,
      ciRun: files.ciRun.replace('npm run bench:*', 'npm run k8s:verify'),
      scripts: { ...files.scripts, 'k8s:verify': '' },
    },
    'no job runs k8s:verify, which .ci/run leaves out',
  ],
  [
    'a benchmark with targets that no night runs',
    {
      ...files,
      ciRun: files.ciRun.replace('npm run bench:*', 'npm run bench:some'),
      scripts: { ...files.scripts, 'bench:some': '' },
    },
    'no job runs bench:some, which .ci/run leaves out',
  ],
  ['a command that does not exist', { ...files, scripts: { test: '', chaos: '' } }, 'has no script check'],
  ['a program that is not built', { ...files, tools: ['k6'] }, 'does not build helm'],
] as const) {
  test(`a fault of the workflows is named: ${what}`, (t) => {
    const faults = workflowFaults(given);
    t.is(faults.length, 1);
    t.true(faults[0]!.includes(fault), faults[0]);
  });
}
