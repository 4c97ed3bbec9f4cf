import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { requirePython } from '../../support/python.ts';
import { outputOf } from './programs.ts';
import { pins, readDefinitions, schemaOfDefinition } from './custom-resources.ts';

const environment = resolve('.tools/kubernetes-schemas/python');
const customSchemas = resolve('.tools/kubernetes-schemas/custom');

/** The minors that the package of schemas ends with. */
export const kubernetesVersions = ['1.35.0', '1.36.0', '1.37.0'] as const;

const installSchemas = (): string => {
  const marker = join(environment, '.installed');
  const wanted = readFileSync(join(pins, 'requirements.txt'), 'utf8');
  if (!existsSync(marker) || readFileSync(marker, 'utf8') !== wanted) {
    outputOf(requirePython(), ['-m', 'venv', environment]);
    outputOf(join(environment, 'bin/pip'), ['install', '--quiet', '--requirement', join(pins, 'requirements.txt')]);
    writeFileSync(marker, wanted);
  }
  const script = 'import kubernetes_validate, os; print(os.path.dirname(kubernetes_validate.__file__))';
  return join(outputOf(join(environment, 'bin/python'), ['-c', script]).trim(), 'kubernetes-json-schema');
};

/** Writes the schemas of the custom resources. */
const writeCustomSchemas = (): void => {
  mkdirSync(customSchemas, { recursive: true });
  for (const [name, schema] of readDefinitions().flatMap(schemaOfDefinition)) {
    writeFileSync(join(customSchemas, `${name}.json`), JSON.stringify(schema));
  }
};

type Definitions = Readonly<Record<string, unknown>>;

/** The definitions that a schema needs, directly or through others. A schema with all of them takes seconds to read. */
const neededBy = (schema: string, definitions: Definitions): Definitions => {
  const needed: Record<string, unknown> = {};
  const waiting = [schema];
  for (let text = waiting.pop(); text !== undefined; text = waiting.pop()) {
    for (const [, name] of text.matchAll(/"#\/\$defs\/([^"]+)"/g)) {
      if (needed[name!] !== undefined) continue;
      needed[name!] = definitions[name!];
      waiting.push(JSON.stringify(definitions[name!]));
    }
  }
  return needed;
};

/**
 * Makes each schema of a minor independent of other files, because kubeconform does not find references between them.
 * @returns the folder of the schemas
 */
const writeStandalone = (source: string, version: string, kinds: readonly string[]): string => {
  const from = join(source, `v${version}-local-strict`);
  const to = resolve('.tools/kubernetes-schemas', `v${version}`);
  mkdirSync(to, { recursive: true });
  const definitions = JSON.parse(
    readFileSync(join(from, '_definitions.json'), 'utf8').replaceAll('/api/_definitions.json#', '#'),
  ) as { $defs: Definitions };
  for (const kind of kinds) {
    const text = readFileSync(join(from, `${kind}.json`), 'utf8').replaceAll('/api/_definitions.json#', '#');
    writeFileSync(
      join(to, `${kind}.json`),
      JSON.stringify({ ...JSON.parse(text), $defs: neededBy(text, definitions.$defs) }),
    );
  }
  return to;
};

/** @returns for each minor the places where kubeconform finds its schemas */
export const prepareSchemas = (kinds: readonly string[]): ReadonlyMap<string, readonly string[]> => {
  const source = installSchemas();
  writeCustomSchemas();
  return new Map(
    kubernetesVersions.map((version) => [
      version,
      [
        `${writeStandalone(source, version, kinds)}/{{ .ResourceKind }}{{ .KindSuffix }}.json`,
        `${customSchemas}/{{ .ResourceKind }}-{{ .Group }}-{{ .ResourceAPIVersion }}.json`,
      ],
    ]),
  );
};
