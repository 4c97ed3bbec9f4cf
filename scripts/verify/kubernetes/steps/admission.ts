import { eventually } from '#testkit/eventually.ts';
import { readDefinitions } from '../../../check/chart/custom-resources.ts';
import { nameOf, readManifests, type Manifest } from '../../../check/chart/manifest.ts';
import { chart, settings } from '../../../check/chart/settings.ts';
import { assertAccepted, type Api } from '../cluster/api.ts';
import { succeeded } from '../cluster/helm.ts';
import { namespace, type Step } from '../run.ts';

const definitionKinds: ReadonlySet<string> = new Set(['ServiceMonitor', 'PrometheusRule', 'ScaledObject']);

/** The operators' definitions of the resources that the chart can have. */
const applyDefinitions = async (api: Api): Promise<void> => {
  const definitions = readDefinitions().filter(({ spec }) => definitionKinds.has(spec.names.kind));
  for (const definition of definitions) assertAccepted(await api.apply(definition, ''));
  for (const { spec } of definitions) {
    const path = `/apis/${spec.group}/${spec.versions[0]!.name}`;
    const isServed = async (): Promise<boolean> => (await api.send('GET', path)).status === 200;
    await eventually(isServed, `the API server serves ${path}`, 30_000, 200);
  }
};

const dryRun = '&force=true&dryRun=All';

type Trial = { readonly manifest: Manifest; readonly reason: RegExp };

/** Each must be refused for its reason, because otherwise the acceptance of the chart would say nothing. */
const wrongManifests = (manifests: readonly Manifest[]): Readonly<Record<string, Trial>> => {
  const find = (kind: string): Manifest => manifests.find((manifest) => manifest.kind === kind)!;
  const deployment = find('Deployment');
  const { spec } = deployment.spec!.template!;
  const pod = (change: object): Manifest => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'refused' },
    spec: { ...spec, serviceAccountName: 'default', ...change },
  });
  const policy = { podSelector: {}, ingress: [{ ports: [{ port: 70_000 }] }] } as unknown as Manifest['spec'] & {};
  return {
    'a pod as root': { manifest: pod({ securityContext: { runAsUser: 0 } }), reason: /violates PodSecurity/ },
    'a pod on the network of its node': { manifest: pod({ hostNetwork: true }), reason: /violates PodSecurity/ },
    'an unknown field': {
      manifest: { ...deployment, spec: { ...deployment.spec, replicaz: 1 } },
      reason: /replicaz/,
    },
    'a policy for an impossible port': { manifest: { ...find('NetworkPolicy'), spec: policy }, reason: /70000/ },
    'nothing wrong': { manifest: pod({}), reason: /^$/ },
  };
};

const tryManifests = async (api: Api, trials: Readonly<Record<string, Trial>>): Promise<readonly string[]> => {
  const faults: string[] = [];
  for (const [what, { manifest, reason }] of Object.entries(trials)) {
    const { status, body } = await api.apply(manifest, namespace, dryRun);
    const message = status < 400 ? '' : String(body['message']);
    if (!reason.test(message)) faults.push(`${what}: ${status} ${message}`);
  }
  return faults;
};

/** The real admission: each setting of `npm run chart:check`, with server-side apply, into a restricted namespace. */
export const admission: Step = async ({ api, helm }) => {
  await applyDefinitions(api);
  const faults: string[] = [];
  let count = 0;
  let defaults: readonly Manifest[] = [];
  for (const args of settings) {
    const manifests = readManifests(
      succeeded(await helm('template', 'volwatch', chart, '--namespace', namespace, ...args)),
    );
    if (args.length === 0) defaults = manifests;
    for (const manifest of manifests) {
      const { status, body, warnings } = await api.apply(manifest, namespace, dryRun);
      count += 1;
      const fault = status < 400 ? warnings.join(' ') : String(body['message']);
      if (fault !== '') faults.push(`${args.at(-1) ?? 'defaults'}: ${nameOf(manifest)}: ${fault}`);
    }
  }
  for (const fault of faults) console.error(fault);
  const account = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
  await eventually(
    async () => (await api.send('GET', account)).status === 200,
    'the namespace has its account',
    30_000,
    200,
  );
  const trials = wrongManifests(defaults);
  const notRefused = await tryManifests(api, trials);
  for (const fault of notRefused) console.error(fault);
  return [
    {
      name: 'the API server accepts the chart',
      holds: faults.length === 0 && count > 0,
      shown: `${count} resources of ${settings.length} settings, ${faults.length} refused or with a warning`,
    },
    {
      name: 'it refuses what it must refuse',
      holds: notRefused.length === 0,
      shown: `tried: ${Object.keys(trials).join(', ')}`,
    },
  ];
};
