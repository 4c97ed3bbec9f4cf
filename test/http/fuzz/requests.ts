import * as fc from 'fast-check';
import { fromSchema, junk, type Schema } from './arbitrary.ts';

type Parameter = { readonly name: string; readonly in: string; readonly required: boolean; readonly schema: Schema };
export type Operation = {
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, unknown>>;
  readonly security: readonly unknown[];
};
export type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};
export type FuzzRequest = {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
};

const noise = 25;

const asText = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
/** Without what a client library would refuse to send. */
const headerValue = (value: unknown): string =>
  asText(value)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .trim();
const encode = (value: unknown): string => encodeURIComponent(asText(value).toWellFormed());
const segment = (value: unknown): string => {
  const encoded = encode(value);
  return encoded === '' || encoded === '.' || encoded === '..' ? '%20' : encoded;
};

const valuesOf = (operation: Operation, document: Document, where: string): fc.Arbitrary<Record<string, unknown>> => {
  const wanted = operation.parameters.filter((parameter) => parameter.in === where);
  const model = Object.fromEntries(wanted.map(({ name, schema }) => [name, fromSchema(schema, document, noise)]));
  return fc.record(model, { requiredKeys: wanted.filter(({ required }) => required).map(({ name }) => name) });
};

const bodyOf = (
  operation: Operation,
  document: Document,
): fc.Arbitrary<readonly [type: string, body: string] | undefined> => {
  const content = Object.entries(operation.requestBody?.content ?? {});
  if (content.length === 0) return fc.constant(undefined);
  const described = content.map(([type, { schema }]) =>
    fromSchema(schema, document, noise).map((value) => {
      if (type !== 'application/x-www-form-urlencoded') return [type, JSON.stringify(value)] as const;
      const fields = typeof value === 'object' && value !== null ? Object.entries(value) : [];
      return [
        type,
        new URLSearchParams(fields.map(([name, each]): [string, string] => [name, asText(each)])).toString(),
      ] as const;
    }),
  );
  const types = content.map(([type]) => type);
  const broken = fc.tuple(fc.constantFrom(...types, 'text/plain', 'application/json'), fc.string());
  return fc.oneof({ weight: 15, arbitrary: fc.oneof(...described) }, { weight: 1, arbitrary: broken });
};

const rarely = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 19, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });

/** Requests that an operation describes, and some that are a little or altogether different. */
export const requestsTo = (path: string, operation: Operation, document: Document): fc.Arbitrary<FuzzRequest> =>
  fc
    .record({
      inPath: valuesOf(operation, document, 'path'),
      query: valuesOf(operation, document, 'query'),
      inHeaders: valuesOf(operation, document, 'header'),
      body: bodyOf(operation, document),
      extraQuery: rarely(fc.tuple(fc.string(), junk)),
      accept: rarely(fc.constantFrom('*/*', 'text/html', 'application/*;q=0.1', ';;;')),
    })
    .map(({ inPath, query, inHeaders, body, extraQuery, accept }) => {
      const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => segment(inPath[name]));
      const pairs = [...Object.entries(query), ...(extraQuery ? [extraQuery] : [])];
      const search = pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
      const headers = Object.entries(inHeaders).map(([name, value]) => [name, headerValue(value)] as const);
      return {
        path: search === '' ? filled : `${filled}?${search}`,
        headers: {
          ...Object.fromEntries(headers),
          ...(accept !== null && { Accept: accept }),
          ...(body && { 'Content-Type': body[0] }),
        },
        body: body?.[1],
      };
    });
