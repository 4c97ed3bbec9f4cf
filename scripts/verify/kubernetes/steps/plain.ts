import { readFileSync } from 'node:fs';
import { eventually } from '#testkit/eventually.ts';
import { readManifests } from '../../../check/chart/manifest.ts';
import { plainManifests } from '../../../check/chart/settings.ts';
import { assertAccepted } from '../cluster/api.ts';
import { followJobs } from '../cluster/followed.ts';
import { followPods } from '../cluster/pods.ts';
import { createNamespace, type Step } from '../run.ts';

const namespace = 'plain';

/** The manifests without Helm, in the order of docs/deployment.md. */
export const plain: Step = async ({ api, cluster: { scope } }) => {
  await createNamespace(api, namespace);
  const jobs = await followJobs(scope, api, namespace);
  const pods = await followPods(scope, api, namespace);
  const manifests = readManifests(readFileSync(plainManifests, 'utf8'));
  const component = 'app.kubernetes.io/component';
  const ofMigration = manifests.filter(({ metadata }) => metadata.labels?.[component] === 'migrate');
  for (const manifest of ofMigration) assertAccepted(await api.apply(manifest, namespace));
  await eventually(() => jobs.completed.length === 1, 'the Job has completed', 60_000, 100);
  const before = pods.live('api').length + pods.live('worker').length;
  for (const manifest of manifests) assertAccepted(await api.apply(manifest, namespace));
  const tag = /image: .*:(\S+)/.exec(readFileSync(plainManifests, 'utf8'))![1]!;
  await pods.settled({ api: 2, worker: 2 }, tag);
  await api.send('DELETE', `/api/v1/namespaces/${namespace}`);
  return [
    {
      name: 'plain manifests, in the order of the documentation',
      holds: before === 0,
      shown: `${manifests.length} resources applied; the Job first, then 2 pods of each role are ready`,
    },
  ];
};
