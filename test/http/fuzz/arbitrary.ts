import * as fc from 'fast-check';

export type Schema = Readonly<Record<string, unknown>>;
type Document = { readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> } };

/** Whatever JSON can say, with a liking for what breaks programs. */
const oddNumbers = [0, -0, -1, 1e-320, 5e-324, 1e308, -1e308, 2 ** 53, 2 ** 63, 0.1 + 0.2, 1e12, 1e12 + 1];
const oddTexts = ['', ' ', '\0', '__proto__', 'constructor', 'null', 'NaN', '1e999', '../../etc/passwd', "' or 1=1 --"];
const moreTexts = ['\u202e', '💥'.repeat(50), 'x'.repeat(5_000), '2001-02-30', '9999-12-31', '-1', '%00', '\r\nX-A: b'];
export const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...oddNumbers, ...oddTexts, ...moreTexts, null, true, [], {}),
  fc.jsonValue({ maxDepth: 4, noUnicodeString: false }),
);

const number = (schema: Schema): fc.Arbitrary<number> => {
  const bound = (inclusive: string, exclusive: string, otherwise: number): number =>
    Number(schema[inclusive] ?? schema[exclusive] ?? otherwise);
  const min = bound('minimum', 'exclusiveMinimum', -1e6);
  const max = bound('maximum', 'exclusiveMaximum', 1e6);
  if (schema['type'] === 'integer') {
    return fc.integer({ min: Math.max(min, -(2 ** 31)), max: Math.min(max, 2 ** 31 - 1) });
  }
  return fc.oneof(
    fc.double({ min, max, noNaN: true }),
    // Where people live, and the edges.
    fc.double({ min: Math.max(min, 0), max: Math.min(max, 200), noNaN: true }),
    fc.constantFrom(min, max),
  );
};

const text = (schema: Schema): fc.Arbitrary<string> => {
  const {
    format,
    minLength = 0,
    maxLength = 40,
  } = schema as { format?: string; minLength?: number; maxLength?: number };
  if (format === 'date') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString().slice(0, 10));
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  if (format === 'email') return fc.emailAddress();
  if (format === 'uuid') return fc.uuid();
  return fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, minLength + 60) });
};

const object = (schema: Schema, document: Document, noise: number): fc.Arbitrary<unknown> => {
  const { properties = {}, required = [] } = schema as {
    properties?: Record<string, Schema>;
    required?: readonly string[];
  };
  const model = Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [name, fromSchema(property, document, noise)]),
  );
  const usual = fc.record(model, { requiredKeys: required.filter((name) => Object.hasOwn(model, name)) });
  if (noise === 0) return usual;
  const partial = fc.record(model, { requiredKeys: [] });
  const extended = fc.tuple(usual, fc.string(), junk).map(([value, name, extra]) => ({ ...value, [name]: extra }));
  return fc.oneof(
    { weight: 8, arbitrary: usual },
    { weight: 1, arbitrary: partial },
    { weight: 1, arbitrary: extended },
  );
};

const resolve = (reference: string, document: Document): Schema =>
  document.components?.schemas?.[reference.replace('#/components/schemas/', '')] ?? {};

const exact = (schema: Schema, document: Document, noise: number): fc.Arbitrary<unknown> => {
  if (typeof schema['$ref'] === 'string') return fromSchema(resolve(schema['$ref'], document), document, noise);
  if ('const' in schema) return fc.constant(schema['const']);
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  const alternatives = schema['oneOf'] ?? schema['anyOf'];
  if (Array.isArray(alternatives) && alternatives.length > 0) {
    return fc.oneof(...alternatives.map((each) => fromSchema(each as Schema, document, noise)));
  }
  switch (schema['type']) {
    case 'object':
      return object(schema, document, noise);
    case 'array':
      return fc.array(fromSchema((schema['items'] ?? {}) as Schema, document, noise), {
        minLength: Math.min(Number(schema['minItems'] ?? 0), 3),
        maxLength: Math.min(Number(schema['maxItems'] ?? 4), 4),
      });
    case 'number':
    case 'integer':
      return number(schema);
    case 'string':
      return text(schema);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return junk;
  }
};

/** Values that `schema` describes, of which every `noise`th part is something else entirely (0: none). */
export const fromSchema = (schema: Schema, document: Document, noise: number): fc.Arbitrary<unknown> => {
  const usual = exact(schema, document, noise);
  return noise === 0 ? usual : fc.oneof({ weight: noise, arbitrary: usual }, { weight: 1, arbitrary: junk });
};
