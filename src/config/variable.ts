import type { z } from 'zod';

export type Variable<Schema extends z.ZodType> = {
  readonly schema: Schema;
  /** Value of an unset variable, as text of the environment. */
  readonly fallback: string | undefined;
  readonly help: string;
  /** The value must not be printed. */
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
