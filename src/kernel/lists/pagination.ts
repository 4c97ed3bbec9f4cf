import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { boundedText } from '../requests/texts/bounded-text.ts';
import { isCalendarDate } from '../calendar.ts';
import { listed } from '../requests/nearest-name.ts';
import { withRefused } from '../requests/texts/refused-value.ts';
import { validationFailed } from '../requests/validation-failed.ts';

export const defaultLimit = 100;
const maxLimit = 1000;

/** Schema of an integer in a query or path. Only decimal digits: `1e3`, `0x10`, `1.0`, blanks and `NaN` are refused. */
export const integerParameter = (min: number, max: number) => {
  const error = withRefused(`Must be an integer from ${min} to ${max}`);
  return z.preprocess(
    (value) => (typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value),
    z.int({ error }).min(min, { error }).max(max, { error }),
  );
};

/**
 * Schema of a day in a query. ISO 8601 allows the year 0, PostgreSQL does not; days before the year 1000 are not
 * needed.
 */
export const dateParameter = z.iso
  .date({ abort: true })
  .refine(isCalendarDate, { error: 'Must be 1000-01-01 or a later date' });

/** The key of the last row is at most the id of a calendar event with 1,024 characters of three bytes, in base64. */
const maxCursorCharacters = 6_144;

/** Query parameters of every list. A route adds them to its query schema with the spread operator. */
export const pageQuery = {
  limit: integerParameter(1, maxLimit).default(defaultLimit).describe('Max rows of a page'),
  cursor: boundedText(maxCursorCharacters).min(1).optional().describe('The `next_cursor` of the page before'),
};

/** The query of a route that answers with one resource. */
export const resourceQuery = (resource: z.ZodObject) => z.strictObject({ fields: fieldsQuery(resource) });

/**
 * Schema of `fields=a,b`: member names of `item`, without duplicates. A route with this parameter must set `fields:
 * true`.
 */
export const fieldsQuery = (item: z.ZodObject) => {
  const known = Object.keys(item.shape);
  return z
    .string()
    .refine((value) => value.split(',').every((name) => known.includes(name)), {
      error: withRefused(
        `Must be a comma-separated list of some of ${listed(known, 'and')}, such as ${known.slice(0, 2).join(',')}`,
      ),
    })
    .transform((value) => [...new Set(value.split(','))])
    .optional()
    .describe(
      `Members of the answer, or of each of its rows, comma-separated: ${known.join(', ')}. The others are then left out`,
    );
};

/** As `fieldsQuery`, for routes that must never refuse a query: unknown names are ignored. */
export const lenientFieldsQuery = (item: z.ZodObject) => {
  const known = Object.keys(item.shape);
  return (
    z
      // The names are filtered first, because a text can have 16,000, and each would be validated.
      .preprocess(
        (value) => (typeof value === 'string' ? value.split(',').filter((name) => known.includes(name)) : []),
        z.array(z.string()),
      )
      .transform((names) => [...new Set(names)])
      .transform((names) => (names.length === 0 ? undefined : names))
      .optional()
      .describe(`Members that the answer contains, comma-separated: ${known.join(', ')}. Other names are ignored`)
  );
};

const pageSchema = z
  .strictObject({
    next_cursor: z.string().nullable().describe('The `cursor` of the next page; null on the last one'),
    limit: z.int().min(1).max(maxLimit),
  })
  .meta({ id: 'Page' });

/** Schema of the body of a list: `{ data, page: { next_cursor, limit } }`. */
export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.strictObject({
    data: z.array(item),
    page: pageSchema,
  });

type CursorPosition = Readonly<Record<string, string | number | null>>;

export type Cursors = {
  /** Returns an opaque, signed text. */
  readonly encode: (position: CursorPosition) => string;
  /**
   * Returns the position of a cursor.
   * @throws AppError `validation_failed` with pointer `query.cursor` if `encode` of this service did not return the
   * text
   */
  readonly decode: (cursor: string) => CursorPosition;
};

const refuse = (): never => {
  const detail = 'cursor must be the next_cursor of a page of this list: leave it out to begin with the first page';
  throw validationFailed([{ pointer: 'query.cursor', code: 'invalid_value', detail }]);
};

/** A position must contain the name of its list, so that another list refuses the cursor. */
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
      // The text is compared too, because in base64 different texts can decode to the same bytes.
      const canonical = given.toString('base64url') === signature;
      if (rest.length > 0 || !canonical || given.length !== expected.length || !timingSafeEqual(given, expected)) {
        return refuse();
      }
      return JSON.parse(Buffer.from(payload, 'base64url').toString()) as CursorPosition;
    },
  };
};
