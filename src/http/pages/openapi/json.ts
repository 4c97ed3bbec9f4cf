/** A part of an OpenAPI document, or a JSON Schema. */
export type Json = Record<string, unknown>;
