import test from 'ava';
import { pageDocumentOf } from '#src/http/pages/openapi/page-document.ts';

const pageOf = (document: Record<string, unknown>) =>
  pageDocumentOf({ openapi: '3.1.0', paths: {}, components: {}, ...document }) as {
    readonly paths: unknown;
    readonly components: { readonly schemas: Record<string, unknown>; readonly responses: unknown };
  };
const schemaOf = (schema: unknown) => pageOf({ components: { schemas: { It: schema } } }).components.schemas['It'];

test('types of OpenAPI 3.1 become those of 3.0', (t) => {
  t.deepEqual(schemaOf({ type: ['number', 'null'], minimum: 0 }), { type: 'number', minimum: 0, nullable: true });
  const either = schemaOf({ anyOf: [{ type: 'string', format: 'date' }, { type: 'null' }] });
  t.deepEqual(either, { type: 'string', format: 'date', nullable: true });
  const { anyOf } = JSON.parse(JSON.stringify(schemaOf({ type: ['string', 'number'] })));
  t.deepEqual(anyOf, [{ type: 'string' }, { type: 'number' }]);
  t.deepEqual(schemaOf({ const: 'refresh' }), { enum: ['refresh'] });
  t.deepEqual(schemaOf({ type: 'number', exclusiveMinimum: 0 }), {
    type: 'number',
    minimum: 0,
    exclusiveMinimum: true,
  });
  t.deepEqual(schemaOf({ type: 'string', examples: ['A', 'B'] }), { type: 'string', example: 'A' });
});

test('a description beside a reference is kept', (t) => {
  const $ref = '#/components/schemas/Dividend';
  t.deepEqual(schemaOf({ $ref }), { $ref });
  t.deepEqual(schemaOf({ $ref, description: 'Paid' }), { description: 'Paid', allOf: [{ $ref }] });
  const responses = { Refused: { description: 'Refused', content: { 'application/json': { schema: { const: 1 } } } } };
  const paths = {
    '/x': { get: { responses: { 422: { $ref: '#/components/responses/Refused', description: '`a_code`' } } } },
  };
  t.deepEqual(pageOf({ paths, components: { responses } }).paths, {
    '/x': {
      get: {
        responses: {
          422: { description: '`a_code`', content: { 'application/json': { schema: { enum: [1] } } } },
        },
      },
    },
  });
});

test('properties and examples whose names are keywords stay', (t) => {
  const properties = { not: { type: 'string' }, examples: { type: ['string', 'null'] }, const: { type: 'number' } };
  t.deepEqual(schemaOf({ type: 'object', properties }), {
    type: 'object',
    properties: { ...properties, examples: { type: 'string', nullable: true } },
  });
  const body = { schema: { type: 'object' }, examples: { one: { value: { schema: { const: 1 } } } } };
  const paths = { '/x': { post: { requestBody: { content: { 'application/json': body } } } } };
  t.deepEqual(pageOf({ paths }).paths, paths);
});
