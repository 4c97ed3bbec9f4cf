import type { z } from 'zod';

export type Variable<Schema extends z.ZodType> = {
  readonly schema: Schema;
  /** What an unset variable means, as it would be written in the environment. */
  readonly fallback: string | undefined;
  readonly help: string;
  /** Never printed. */
  readonly secret?: true;
};
export const variable = <Schema extends z.ZodType>(
  schema: Schema,
  fallback: string,
  help: string,
): Variable<Schema> => ({
  schema,
  fallback,
  help,
});
export const optional = <Schema extends z.ZodType>(schema: Schema, help: string): Variable<z.ZodOptional<Schema>> => ({
  schema: schema.optional(),
  fallback: undefined,
  help,
});
export const secret = <Schema extends z.ZodType>(schema: Schema, help: string): Variable<z.ZodOptional<Schema>> => ({
  ...optional(schema, help),
  secret: true,
});
