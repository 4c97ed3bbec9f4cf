import { AppError } from '#src/kernel/errors.ts';
import type { Cursors } from '#src/kernel/pagination.ts';
import type { PageRequest } from './queries.ts';

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
   * One page of the list called `list`, items found again by `keyOf`. A cursor holds the list, its bounds and the key.
   * @throws AppError `validation_failed` for a cursor that another list or other bounds gave
   */
  readonly answer: <Item>(
    list: string,
    query: ListQuery,
    load: (page: PageRequest) => Promise<readonly Item[]>,
    keyOf: (item: Item) => string,
  ) => Promise<Page<Item>>;
};

const foreignCursor = (): AppError =>
  new AppError('validation_failed', undefined, {
    errors: [{ pointer: 'query.cursor', code: 'invalid_value', detail: 'Is a cursor of another query' }],
  });

export const createPages = ({ cursors }: { readonly cursors: Cursors }): Pages => ({
  answer: async (list, { limit, cursor, from = null, to = null }, load, keyOf) => {
    let after: string | null = null;
    if (cursor !== undefined) {
      const position = cursors.decode(cursor);
      if (position['list'] !== list || position['from'] !== from || position['to'] !== to) throw foreignCursor();
      after = String(position['after']);
    }
    // One row more than asked for tells whether there is a next page.
    const rows = await load({ after, from, to, limit: limit + 1 });
    const data = rows.slice(0, limit);
    const last = data.at(-1);
    const next = rows.length > limit && last ? cursors.encode({ list, from, to, after: keyOf(last) }) : null;
    return { data, page: { next_cursor: next, limit } };
  },
});
