type Node = Readonly<Record<string, unknown>>;

export type CustomResourceDefinition = {
  readonly kind: string;
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
export const schemaOfDefinition = ({ spec }: CustomResourceDefinition): [string, unknown][] =>
  spec.versions.flatMap(({ name, schema }) => {
    if (schema === undefined) return [];
    const whole = strict(schema.openAPIV3Schema) as Node;
    const properties = { ...(whole['properties'] as Node), metadata: { type: 'object' } };
    return [[`${spec.names.kind.toLowerCase()}-${spec.group}-${name}`, { ...whole, properties }]];
  });
