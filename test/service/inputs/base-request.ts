import * as fc from 'fast-check';
import { fromSchema, type Schema } from '../../http/fuzz/arbitrary.ts';
import type { Document } from '../../http/fuzz/requests.ts';
import { streamFile } from '#testkit/arrow/streams.ts';
import { formType, resolved, type DeclaredInput, type DeclaredOperation } from './declared-inputs.ts';

/** Good values for names of inputs. An input with another name gets a value that its schema describes. */
export type KnownValues = Readonly<Record<string, unknown>>;

export type BaseRequest = {
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly mediaType: string | undefined;
  readonly body: unknown;
};

/** Bodies that are no JSON and no form, by media type. */
const rawBodies: Readonly<Record<string, Buffer>> = {
  'text/csv': Buffer.from('symbol,date,close\nINPT,2024-01-02,185.64\n'),
  'application/vnd.apache.arrow.stream': Buffer.from(streamFile('utf8')),
};

const sample = (schema: Schema, document: Document): unknown =>
  fc.sample(fromSchema(schema, document, 0), { seed: 1, numRuns: 1 })[0];

/** Bodies that should be accepted: the examples of the document, or one with what is required and what is known. */
const bodiesFrom = (given: Schema, document: Document, known: KnownValues): unknown[] => {
  const schema = resolved(given, document);
  const examples = (schema['examples'] ?? []) as unknown[];
  if (examples.length > 0) return examples;
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>);
  if (properties.length === 0) return [schema['type'] === 'object' ? {} : sample(schema, document)];
  const required = (schema['required'] ?? []) as readonly string[];
  const entries = properties
    .filter(([name]) => name in known || required.includes(name))
    .map(([name, each]) => [name, name in known ? known[name] : sample(each, document)]);
  return [Object.fromEntries(entries)];
};

/** A value that the handler accepts for this input. */
export const goodValue = (
  { place, members, schema }: DeclaredInput,
  { path, query, body }: BaseRequest,
  document: Document,
  known: KnownValues,
): unknown => {
  const name = String(members.at(-1));
  const holder = place === 'path' ? path : place === 'query' ? query : body;
  const inBase = members.reduce<unknown>(
    (value, member) => (typeof value === 'object' && value !== null ? Reflect.get(value, member) : undefined),
    holder,
  );
  return inBase ?? known[name] ?? sample(schema, document);
};

/** A cursor that no list has given is refused, whatever the other inputs are. */
const isCursor = (name: string): boolean => name === 'cursor';

/**
 * Requests that should succeed. The first has what is required and what has a known value; each example of a body gives
 * one; the last has a value for each parameter.
 */
export const baseRequests = (
  { operation }: DeclaredOperation,
  document: Document,
  known: KnownValues,
): readonly [BaseRequest, ...BaseRequest[]] => {
  const inPlace = (place: string, all: boolean): Record<string, string> =>
    Object.fromEntries(
      operation.parameters
        .filter(({ name, in: where, required }) => {
          return where === place && (required || name in known || (all && !isCursor(name)));
        })
        .map(({ name, schema }) => [name, String(known[name] ?? sample(schema, document))]),
    );
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  const described = type !== undefined && (type.includes('json') || type === formType);
  const [body, ...others] = described ? bodiesFrom(content?.schema ?? {}, document, known) : [rawBodies[type ?? '']];
  const base = {
    path: inPlace('path', false),
    query: inPlace('query', false),
    headers: inPlace('header', false),
    mediaType: type,
    body,
  };
  const complete = { ...base, query: inPlace('query', true) };
  const isLonger = Object.keys(complete.query).length > Object.keys(base.query).length;
  return [base, ...others.map((other) => ({ ...base, body: other })), ...(isLonger ? [complete] : [])];
};
