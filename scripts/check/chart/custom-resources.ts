import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Manifest } from './manifest.ts';
import { outputOf } from './programs.ts';

type Node = Readonly<Record<string, unknown>>;

export type CustomResourceDefinition = Manifest & {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema?: { readonly openAPIV3Schema: Node } }[];
  };
};

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Kubernetes refuses unknown fields with strict validation, except where the definition keeps them. */
const strict = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(strict);
  if (!isNode(schema)) return schema;
  const { 'x-kubernetes-int-or-string': intOrString, ...rest } = schema;
  if (intOrString === true) return { type: ['string', 'integer'] };
  const inner: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rest)) {
    // The names of properties are no keywords of the schema.
    inner[key] =
      key === 'properties' && isNode(value)
        ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, strict(each)]))
        : strict(value);
  }
  const open = rest['x-kubernetes-preserve-unknown-fields'] === true || rest['additionalProperties'] !== undefined;
  return isNode(rest['properties']) && !open ? { ...inner, additionalProperties: false } : inner;
};

/** The JSON schemas of a definition by `kind-group-version`, in lower case. */
export const schemaOfDefinition = ({ spec }: Pick<CustomResourceDefinition, 'kind' | 'spec'>): [string, unknown][] =>
  spec.versions.flatMap(({ name, schema }) => {
    if (schema === undefined) return [];
    const whole = strict(schema.openAPIV3Schema) as Node;
    const properties = { ...(whole['properties'] as Node), metadata: { type: 'object' } };
    return [[`${spec.names.kind.toLowerCase()}-${spec.group}-${name}`, { ...whole, properties }]];
  });

export const pins = 'tools/kubernetes-schemas';
const definitionFolders: Readonly<Record<string, string>> = {
  'github.com/prometheus-operator/prometheus-operator': 'example/prometheus-operator-crd',
  'github.com/kedacore/keda/v2': 'config/crd/bases',
};

/** The definitions in the Go modules of the operators. */
export const readDefinitions = (): CustomResourceDefinition[] =>
  Object.entries(definitionFolders).flatMap(([module, folder]) => {
    const download = outputOf('go', ['mod', 'download', '-json', module], pins);
    const directory = join((JSON.parse(download) as { Dir: string }).Dir, folder);
    return readdirSync(directory)
      .flatMap((file) => parseAllDocuments(readFileSync(join(directory, file), 'utf8')))
      .map((document) => document.toJS() as CustomResourceDefinition | null)
      .filter((definition) => definition?.kind === 'CustomResourceDefinition') as CustomResourceDefinition[];
  });
