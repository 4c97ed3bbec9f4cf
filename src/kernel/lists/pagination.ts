import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { isCalendarDate } from '../calendar.ts';
import { AppError } from '../catalogue/errors.ts';

export const defaultLimit = 100;
const maximumLimit = 1000;

/** A whole number in a query or path, in plain digits: `1e3`, `0x10`, `1.0`, blanks and `NaN` are refused. */
export const integerParameter = (minimum: number, maximum: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value),
    z.int().min(minimum).max(maximum),
  );

/** A day in a query. PostgreSQL has no year 0, which ISO 8601 allows; days before the year 1000 have no use here. */
export const dateParameter = z.iso
  .date({ abort: true })
  .refine(isCalendarDate, { error: 'Must be 1000-01-01 or a later date' });

/** The query members that every list has; spread into a route's own query schema. */
export const pageQuery = {
  limit: integerParameter(1, maximumLimit)
    .default(defaultLimit)
    .describe(`Rows in a page; ${defaultLimit} unless told`),
  cursor: z.string().min(1).max(1024).optional(),
};

/** `fields=a,b`: names of `item`'s members, without repetition. A route that has it in its query sets `fields: true`. */
export const fieldsQuery = (item: z.ZodObject) => {
  const known = Object.keys(item.shape);
  return z
    .string()
    .refine((value) => value.split(',').every((name) => known.includes(name)), {
      error: `Must be a comma-separated list of: ${known.join(', ')}`,
    })
    .transform((value) => [...new Set(value.split(','))])
    .optional()
    .describe(`Which members each row has, comma-separated, of: ${known.join(', ')}`);
};

/** The body of every list: `{ data, page: { next_cursor, limit } }`. */
export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.strictObject({
    data: z.array(item),
    page: z.strictObject({ next_cursor: z.string().nullable(), limit: z.int().min(1).max(maximumLimit) }),
  });

type CursorPosition = Readonly<Record<string, string | number | null>>;

export type Cursors = {
  /** An opaque text that only this service can have made. */
  readonly encode: (position: CursorPosition) => string;
  /**
   * Gives back what `encode` was given.
   * @throws AppError `validation_failed` with pointer `query.cursor` for anything altered or foreign
   */
  readonly decode: (cursor: string) => CursorPosition;
};

const refuse = (): never => {
  throw new AppError('validation_failed', 'The request breaks its schema', {
    errors: [{ pointer: 'query.cursor', code: 'invalid_value', detail: 'Not a cursor of this list' }],
  });
};

/** Put the list's own name into each position, so that a cursor of one list is refused by another. */
export const createCursors = ({ secret }: { readonly secret: string | Uint8Array }): Cursors => {
  const sign = (payload: string): Buffer => createHmac('sha256', secret).update(payload).digest().subarray(0, 16);
  return {
    encode: (position) => {
      const payload = Buffer.from(JSON.stringify(position)).toString('base64url');
      return `${payload}.${sign(payload).toString('base64url')}`;
    },
    decode: (cursor) => {
      const [payload = '', signature = '', ...rest] = cursor.split('.');
      const given = Buffer.from(signature, 'base64url');
      const expected = sign(payload);
      // The text is compared too: base64 has spare bits that decode to the same bytes.
      const canonical = given.toString('base64url') === signature;
      if (rest.length > 0 || !canonical || given.length !== expected.length || !timingSafeEqual(given, expected)) {
        return refuse();
      }
      return JSON.parse(Buffer.from(payload, 'base64url').toString()) as CursorPosition;
    },
  };
};
