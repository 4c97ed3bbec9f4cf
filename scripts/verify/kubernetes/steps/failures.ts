import { eventually } from '#testkit/eventually.ts';
import { succeeded, type Helm } from '../cluster/helm.ts';
import { roles, tagOf, type Pods } from '../cluster/pods.ts';
import { failingMigration, neverReady } from '../cluster/stages.ts';
import { namespace, upgrade, type Step } from '../run.ts';
import { scaledUp } from './autoscaling.ts';
import { replacementVerdict, secondTag } from './rollout.ts';

const identities = (pods: Pods): string =>
  roles
    .flatMap((role) => pods.ready(role).map(({ metadata }) => metadata.uid))
    .toSorted()
    .join(' ');

/** A migration that fails: Helm ends with an error, and nothing else has changed. */
export const failedMigration: Step = async ({ helm, pods, jobs, deployments }) => {
  const [before, generations] = [identities(pods), roles.map(deployments.generation)];
  const { good } = await upgrade(helm, failingMigration, '--set', 'migration.timeoutSeconds=10');
  const [reason] = jobs.failed;
  return [
    {
      name: 'upgrade: a failed migration stops it',
      holds:
        !good &&
        reason !== undefined &&
        identities(pods) === before &&
        roles.map(deployments.generation).join(' ') === generations.join(' '),
      shown: `the Job failed (${reason}), Helm ${good ? 'succeeded' : 'failed'}; the same pods go on`,
    },
  ];
};

/** The newest revision that was installed as a whole. */
const deployedRevision = async (helm: Helm): Promise<string> => {
  const text = succeeded(await helm('history', 'volwatch', '--namespace', namespace, '--output', 'json'));
  const history = JSON.parse(text) as readonly { readonly revision: number; readonly status: string }[];
  return String(history.findLast(({ status }) => status === 'deployed' || status === 'superseded')!.revision);
};

/** A version that never becomes ready: the old pods go on until the operator goes back. */
export const rollback: Step = async ({ helm, pods, jobs }) => {
  const [before, migrations] = [identities(pods), jobs.completed.length];
  const revision = await deployedRevision(helm);
  const record = pods.record();
  const { good } = await upgrade(helm, neverReady, '--wait', '--timeout', '40s');
  const broken = pods.live('api').filter((pod) => tagOf(pod) === neverReady);
  const serving = identities(pods) === before;
  const ofUpgrade = jobs.completed.length - migrations;
  // Without a number Helm goes to the revision before, which is the one with the failed migration.
  succeeded(await helm('rollback', 'volwatch', revision, '--namespace', namespace));
  await eventually(
    () => roles.every((role) => pods.live(role).every((pod) => tagOf(pod) === secondTag)),
    'only pods of the old version are left',
    60_000,
  );
  await pods.settled(scaledUp, secondTag);
  return [
    {
      name: 'upgrade: pods that never become ready replace nothing',
      holds: !good && broken.length === 1 && serving,
      shown: `Helm ${good ? 'succeeded' : 'failed'}; ${broken.length} new pod of the API waits, the old ones serve`,
    },
    replacementVerdict('rollback: the ready pods never fall below the wanted number', record()),
    {
      name: 'rollback: the old pods go on, and no migration runs',
      holds: identities(pods) === before && ofUpgrade === 1 && jobs.completed.length - migrations === 1,
      shown: `${before.split(' ').length} pods are the same; the schema stays expanded`,
    },
  ];
};
