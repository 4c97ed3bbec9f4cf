import type { PageRequest, Pages } from '#src/kernel/lists/pages.ts';
import type { Cached } from '#src/kernel/ports/cache.ts';
import { cacheHeaders } from './cached-reads.ts';
import type { SeriesPage } from './queries.ts';

type SeriesQuery = PageQuery & { readonly order: 'asc' | 'desc'; readonly latest?: number | undefined };
type PageQuery = Parameters<Pages['answer']>[1];

type SeriesRequest<Row> = {
  /** The name of the list, and the name of the series. */
  readonly list: 'prices' | 'values';
  readonly name: string;
  readonly query: SeriesQuery;
  readonly load: (page: SeriesPage) => Promise<Cached<Row[] | undefined>>;
};

/** Answers a page of a series, or its newest rows. Undefined for an unknown series. */
export const answerSeries = async <Row extends { readonly date: string }>(
  pages: Pages,
  { list, name, query, load }: SeriesRequest<Row>,
): Promise<
  { readonly body: Awaited<ReturnType<typeof pages.answer<Row>>>; readonly headers: Record<string, string> } | undefined
> => {
  const { order, latest, from = null, to = null } = query;
  const descending = order === 'desc';
  if (latest !== undefined) {
    const { value, ...cached } = await load({ after: null, from, to, limit: latest, descending: true });
    if (value === undefined) return undefined;
    const data = descending ? value : value.toReversed();
    return { body: { data, page: { next_cursor: null, limit: latest } }, headers: cacheHeaders(cached) };
  }
  let found: Cached<Row[] | undefined> | undefined;
  const rowsOf = async (page: PageRequest): Promise<Row[]> => {
    found = await load({ ...page, descending });
    return found.value ?? [];
  };
  // The name of the list has the order, so that a cursor of one order is refused in the other.
  const listName = descending ? `${list} desc ${name}` : `${list} ${name}`;
  const body = await pages.answer({ list: listName }, query, rowsOf, ({ date }) => date);
  return found?.value === undefined ? undefined : { body, headers: cacheHeaders(found) };
};
