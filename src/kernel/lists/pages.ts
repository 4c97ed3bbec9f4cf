import { createHash } from 'node:crypto';
import { AppError } from '../catalogue/errors.ts';
import type { Cursors } from './pagination.ts';

/** Max `limit` rows after the key `after` (exclusive). `from` and `to` are dates (UTC, inclusive). */
export type PageRequest = {
  readonly after: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly limit: number;
};

type ListQuery = {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
};

type Page<Item> = {
  readonly data: Item[];
  readonly page: { readonly next_cursor: string | null; readonly limit: number };
};

export type Pages = {
  /**
   * Returns one page of a list. A cursor contains the members of `list`, the bounds of the query and the key of the
   * last item.
   * @param list the name of the list, and other members that identify it
   * @param keyOf returns the key of an item, by which the list is ordered
   * @throws AppError `validation_failed` for a cursor of another list or of other bounds
   */
  readonly answer: <Item>(
    list: { readonly list: string } & Readonly<Record<string, string>>,
    query: ListQuery,
    load: (page: PageRequest) => Promise<readonly Item[]>,
    keyOf: (item: Item) => string,
  ) => Promise<Page<Item>>;
};

/** A member of `list` for filters that are too long for a cursor: a cursor is valid for the same filters only. */
export const digestOfFilters = (filters: string): string => createHash('sha256').update(filters).digest('base64url');

const foreignCursor = (): AppError =>
  new AppError('validation_failed', undefined, {
    errors: [{ pointer: 'query.cursor', code: 'invalid_value', detail: 'Is a cursor of another query' }],
  });

export const createPages = ({ cursors }: { readonly cursors: Cursors }): Pages => ({
  answer: async (list, { limit, cursor, from = null, to = null }, load, keyOf) => {
    const bounds = { ...list, from, to };
    let after: string | null = null;
    if (cursor !== undefined) {
      const position = cursors.decode(cursor);
      if (Object.entries(bounds).some(([name, value]) => position[name] !== value)) throw foreignCursor();
      after = String(position['after']);
    }
    // One additional row shows whether there is a next page.
    const rows = await load({ after, from, to, limit: limit + 1 });
    const data = rows.slice(0, limit);
    const last = data.at(-1);
    const next = rows.length > limit && last ? cursors.encode({ ...bounds, after: keyOf(last) }) : null;
    return { data, page: { next_cursor: next, limit } };
  },
});
