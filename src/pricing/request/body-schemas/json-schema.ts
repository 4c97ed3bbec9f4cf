import { z } from 'zod';

/**
 * JSON Schemas of the request bodies, for the documentation only. `read-option.ts` validates the bodies, which is
 * faster and lets a batch and a single call share one validator. For the HTTP code a body is any JSON value. The
 * schemas are made from the inputs of the models.
 */
export type JsonSchema = Record<string, unknown>;
/** Schemas by their names in the OpenAPI document. */
export type Definitions = Readonly<Record<string, JsonSchema>>;

export const referTo = (name: string): JsonSchema => ({ $ref: `#/$defs/${name}` });

/** A body that is described and not checked. `definitions` are the named schemas that `schema` refers to. */
export const documented = (name: string, schema: JsonSchema, definitions: Definitions) =>
  z
    .unknown()
    .refine((body) => body !== undefined)
    .meta({ id: name, ...schema, $defs: definitions });
