/**
 * `npm run k8s:verify`: etcd, the control plane of Kubernetes and kwok (50 simulated nodes) on loopback, and the chart in
 * them. It shows what the API server, the controllers and the scheduler decide. Needs
 * `node scripts/tools.ts kubernetes helm prometheus`.
 */
import { mebibyte, memoryBytesOf } from '#testkit/measures/processes.ts';
import { withScope } from '../scope.ts';
import { startCluster, type Cluster } from './cluster/cluster.ts';
import { startRun, type Step } from './run.ts';
import { admission } from './steps/admission.ts';
import { scaleDown, scaleUp } from './steps/autoscaling.ts';
import { disruption } from './steps/disruption.ts';
import { failedMigration, rollback } from './steps/failures.ts';
import { install } from './steps/install.ts';
import { plain } from './steps/plain.ts';
import { rollout } from './steps/rollout.ts';
import { spread } from './steps/spread.ts';
import { reportVerdicts, type Verdict } from './verdict.ts';

const steps: Readonly<Record<string, Step>> = {
  admission,
  plain,
  install,
  scaleUp,
  rollout,
  failedMigration,
  rollback,
  scaleDown,
  disruption,
  spread,
};

/** Only kubelets, network plug-ins and the operators themselves could show these. */
const notShown = [
  'containers: pull of the image, start, probes, read-only file system, limits of memory, drain after SIGTERM',
  'a Secret or a key that is missing',
  'the network: addresses of Services, DNS, NetworkPolicy, Ingress',
  'the controllers of the Prometheus Operator and of KEDA, metrics-server and prometheus-adapter (their APIs are simulated)',
];

/** The most memory that the programs have used, from the kernel. */
const peakMegabytes = ({ programs }: Cluster): string =>
  [...programs]
    .map(([name, { pid }]) => `${name} ${Math.round(memoryBytesOf(pid, 'VmHWM') / mebibyte)} MiB`)
    .join(', ');

await withScope(async (scope) => {
  const began = performance.now();
  const seconds = (): string => `${Math.round((performance.now() - began) / 1_000)} s`;
  const cluster = await startCluster(scope);
  const { gitVersion } = await cluster.api.get<{ gitVersion: string }>('/version');
  console.log(`Kubernetes ${gitVersion} is ready after ${seconds()}`);
  const run = await startRun(cluster);
  const verdicts: Verdict[] = [];
  for (const [name, step] of Object.entries(steps)) {
    console.log(`${name} (${seconds()})`);
    try {
      verdicts.push(...(await step(run)));
    } catch (error) {
      verdicts.push({ name, holds: false, shown: error instanceof Error ? error.message : String(error) });
    }
  }
  const holds = reportVerdicts(verdicts);
  console.log(`Time: ${seconds()}. Memory: ${peakMegabytes(cluster)}`);
  for (const each of notShown) console.log(`Not shown: ${each}`);
  return holds;
});
