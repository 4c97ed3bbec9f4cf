/**
 * Checks the chart in deploy/chart: helm lint, the rendered manifests of each values file against the schemas of
 * Kubernetes and of the operators, rules of our own, values that must be refused, alert rules, and the plain manifests in
 * deploy/kubernetes, which `--write` renders anew. Needs `node scripts/tools.ts helm kubeconform prometheus`.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { manifestFaults } from './chart/manifest-faults.ts';
import { nameOf, readManifests, type Manifest } from './chart/manifest.ts';
import { attempt, program } from './chart/programs.ts';
import { refusedValues } from './chart/refused-values.ts';
import { kubernetesVersions, prepareSchemas } from './chart/schemas.ts';
import { chart, plainManifests, settings, valuesFiles } from './chart/settings.ts';

const notice = '# Rendered from deploy/chart by `npm run chart:check -- --write`: do not edit.\n';
const [helm, kubeconform, promtool] = ['helm', 'kubeconform', 'promtool'].map(program) as [string, string, string];
const faults: string[] = [];

const [, minVersion = ''] =
  /^kubeVersion: '>=([\d.]+)-0'$/m.exec(readFileSync(join(chart, 'Chart.yaml'), 'utf8')) ?? [];
if (minVersion === '') faults.push('Chart.yaml names no oldest version of Kubernetes');

const render = (args: readonly string[]) => attempt(helm, ['template', 'volwatch', chart, ...args]);

const linted = attempt(helm, ['lint', '--strict', chart, ...valuesFiles.flatMap((file) => ['--values', file])]);
if (!linted.good) faults.push(`helm lint: ${linted.output}${linted.errors}`);

const kindName = ({ apiVersion, kind }: Manifest): string => {
  const [group = '', version] = apiVersion.split('/');
  return [kind, version === undefined ? group : `${group.split('.')[0]}-${version}`].join('-').toLowerCase();
};
const isCustom = ({ apiVersion }: Manifest): boolean => /^(monitoring\.coreos\.com|keda\.sh)\//.test(apiVersion);

const rendered = settings.map((args) => {
  const name = args[1] ?? 'default values';
  // With each version, because a chart can look at the version of the cluster. The oldest one that the chart allows has
  // no schemas any more, so it is only rendered.
  const versions = [minVersion, ...kubernetesVersions].map((version) => render([...args, '--kube-version', version]));
  for (const { good, errors } of versions) if (!good) faults.push(`${name}: ${errors}`);
  return { name, text: versions.at(-1)!.output, manifests: readManifests(versions.at(-1)!.output) };
});
const kinds = new Set(
  rendered.flatMap(({ manifests }) => manifests.filter((manifest) => !isCustom(manifest)).map(kindName)),
);

for (const [version, locations] of prepareSchemas([...kinds])) {
  for (const { name, text, manifests } of rendered) {
    const options = ['-strict', '-summary', '-kubernetes-version', version];
    const args = [...options, ...locations.flatMap((location) => ['-schema-location', location])];
    const { good, output, errors } = attempt(kubeconform, args, text);
    // The count shows that no manifest was left out.
    if (!good || !output.includes(`Valid: ${manifests.length},`)) faults.push(`${name} ${version}: ${output}${errors}`);
  }
}

for (const { name, manifests } of rendered) {
  faults.push(...manifestFaults(manifests).map((fault) => `${name}: ${fault}`));
}

for (const [reason, args] of refusedValues) {
  if (render(args).good) faults.push(`accepted, but must be refused: ${reason} (${args.join(' ')})`);
}

/** promtool must accept the rules that the chart has put into resources. */
const checkRules = (manifests: readonly Manifest[]): number => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-chart-'));
  const rules = manifests.filter(({ kind }) => kind === 'PrometheusRule');
  for (const rule of rules) {
    const path = join(directory, `${rule.metadata.name}.yml`);
    writeFileSync(path, stringify(rule.spec));
    const { good, output, errors } = attempt(promtool, ['check', 'rules', path]);
    if (!good) faults.push(`${nameOf(rule)}: ${output}${errors}`);
    if (readFileSync(path, 'utf8').includes('127.0.0.1')) faults.push(`${nameOf(rule)}: a link leads to loopback`);
  }
  rmSync(directory, { recursive: true });
  return rules.length;
};
const rules = rendered.map(({ manifests }) => checkRules(manifests)).reduce((sum, count) => sum + count, 0);
const sources = ['alerts/rules', 'dashboards'].map((folder) => readdirSync(folder).length);
const dashboards = rendered
  .flatMap(({ manifests }) => manifests)
  .filter(({ metadata }) => metadata.name.includes('-dashboard-')).length;
if (rules !== sources[0]) faults.push(`${rules} of ${sources[0]} files of alerts/rules are in the chart`);
if (dashboards !== sources[1]) faults.push(`${dashboards} of ${sources[1]} dashboards are in the chart`);

const plain = notice + rendered[0]!.text.replaceAll('managed-by: Helm', 'managed-by: kubectl');
if (process.argv.includes('--write')) {
  mkdirSync('deploy/kubernetes', { recursive: true });
  writeFileSync(plainManifests, plain);
} else if (readFileSync(plainManifests, 'utf8') !== plain) {
  faults.push(`${plainManifests} is stale: run npm run chart:check -- --write`);
}

for (const fault of faults) console.error(fault);
if (faults.length === 0) {
  const count = rendered.reduce((sum, { manifests }) => sum + manifests.length, 0);
  console.log(
    `chart: ${count} manifests of ${rendered.length} settings are valid for Kubernetes ${kubernetesVersions.join(', ')}; ` +
      `${refusedValues.length} wrong settings are refused`,
  );
}
process.exitCode = faults.length === 0 ? 0 : 1;
