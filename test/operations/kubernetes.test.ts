import test from 'ava';
import type { Api, Change } from '../../scripts/verify/kubernetes/cluster/api.ts';
import { followJobs } from '../../scripts/verify/kubernetes/cluster/followed.ts';
import { followPods, type Pod } from '../../scripts/verify/kubernetes/cluster/pods.ts';
import { replacementVerdict } from '../../scripts/verify/kubernetes/steps/rollout.ts';
import { reportVerdicts } from '../../scripts/verify/kubernetes/verdict.ts';
import { createScope } from '#testkit/scope.ts';

let version = 0;
const pod = (name: string, tag: string, isReady: boolean, isEnding = false): Pod => ({
  metadata: {
    name,
    uid: name,
    resourceVersion: String((version += 1)),
    labels: { 'app.kubernetes.io/component': name.split('-')[0]! },
    ...(isEnding && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
  },
  spec: { containers: [{ image: `volwatch:${tag}` }] },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
});

/** An API server that reports what a test gives to `change`. */
const fakeApi = () => {
  let report: (change: Change<never>) => void = () => {};
  const watch: Api['watch'] = (_scope, _path, listener) => {
    report = listener;
    return Promise.resolve();
  };
  return {
    api: { watch } as Api,
    change: (type: Change<Pod>['type'], object: unknown) => report({ type, object } as never),
  };
};

/** Four pods of the API and five of the worker, all ready. */
const started = async () => {
  const { api, change } = fakeApi();
  const pods = await followPods(createScope(), api, 'volwatch');
  for (const [role, count] of [
    ['api', 4],
    ['worker', 5],
  ] as const) {
    for (let index = 0; index < count; index += 1) change('ADDED', pod(`${role}-${index}`, 'old', true));
  }
  return { pods, change };
};

test('a replacement one by one, each pod ready before an old one ends, holds', async (t) => {
  const { pods, change } = await started();
  const record = pods.record('new');
  change('ADDED', pod('api-new', 'new', false));
  const firstNew = version;
  change('MODIFIED', pod('api-new', 'new', true));
  change('MODIFIED', pod('api-0', 'old', true, true));
  change('DELETED', pod('api-0', 'old', true, true));
  const seen = record();
  t.deepEqual(seen.api, { minReady: 4, maxLive: 5, firstNew });
  t.true(replacementVerdict('upgrade', seen).holds);
});

for (const [what, changes] of [
  ['an old pod that ends before the new one is ready', [pod('api-new', 'new', false), pod('api-0', 'old', true, true)]],
  ['two new pods at a time', [pod('api-new', 'new', false), pod('api-other', 'new', false)]],
] as const) {
  test(`a replacement is broken by ${what}`, async (t) => {
    const { pods, change } = await started();
    const record = pods.record('new');
    for (const each of changes) change('MODIFIED', each);
    t.false(replacementVerdict('upgrade', record()).holds);
  });
}

test('pods have not settled while one of the old version is left', async (t) => {
  const { pods, change } = await started();
  await pods.settled({ api: 4, worker: 5 }, 'old', 0);
  change('MODIFIED', pod('api-0', 'new', true));
  await t.throwsAsync(pods.settled({ api: 4, worker: 5 }, 'old', 0), { message: /4 ready of 4/ });
});

test('the end of a Job counts once, with its version or its reason', async (t) => {
  const { api, change } = fakeApi();
  const jobs = await followJobs(createScope(), api, 'volwatch');
  const job = (uid: string, type: string, resourceVersion: string) => ({
    metadata: { name: uid, uid, resourceVersion },
    status: { conditions: [{ type, status: 'True', reason: 'DeadlineExceeded' }] },
  });
  change('MODIFIED', job('a', 'SuccessCriteriaMet', '6'));
  change('MODIFIED', job('a', 'Complete', '7'));
  change('DELETED', job('a', 'Complete', '8'));
  change('MODIFIED', job('b', 'Failed', '9'));
  t.deepEqual(jobs, { completed: [7], failed: ['DeadlineExceeded'] });
});

test('a broken verdict, and a run without verdicts, fail', (t) => {
  const holds = { name: 'a', holds: true, shown: '' };
  t.true(reportVerdicts([holds]));
  t.false(reportVerdicts([holds, { ...holds, holds: false }]));
  t.false(reportVerdicts([]));
});
