import type { ExecutionContext } from 'ava';
import { base, type Item } from '../setup-http.ts';
import { desk, setupUniverses } from '../universes/setup.ts';

export type Answer = { readonly status: number; readonly body: Item };

/** The routes with a universe `desk` of uploaded prices. `send` uploads a text as CSV and waits for the end. */
export const setupUploads = async (
  t: ExecutionContext,
  definition: Item = {},
  options: Parameters<typeof setupUniverses>[1] = {},
  more: Parameters<typeof setupUniverses>[3] = {},
) => {
  const http = await setupUniverses(t, options, {}, more);
  const created = await http.put('desk', { ...desk(), ...definition });
  t.is(created.status, 201, await created.clone().text());
  const send = async (
    body: string | Uint8Array<ArrayBuffer> | FormData | ReadableStream,
    { query = '', headers = {} }: { readonly query?: string; readonly headers?: Record<string, string> } = {},
  ): Promise<Answer> => {
    const type = body instanceof FormData ? {} : { 'Content-Type': 'text/csv' };
    const answer = await http.call(`${base}/universes/desk/prices${query}`, {
      method: 'POST',
      headers: { ...type, Prefer: 'wait=20', ...headers },
      body,
      ...(body instanceof ReadableStream && { duplex: 'half' }),
    });
    return { status: answer.status, body: (await answer.json()) as Item };
  };
  /** Stored bars as `SYMBOL date close`. */
  const closes = async (): Promise<string[]> =>
    (
      await http.admin.query(
        'select symbol, date::text, close from price join asset on id = asset_id order by symbol, price.date',
      )
    ).map(({ symbol, date, close }) => `${String(symbol)} ${String(date)} ${String(close)}`);
  /** All that an upload can change. */
  const contents = async (): Promise<string> => {
    const tables = ['price', 'corporate_actions', 'index_value', 'price_quarantine'];
    const sums = tables.map(
      async (table) =>
        (await http.admin.query(`select md5(string_agg(t::text, '|' order by t::text)) as sum from ${table} t`))[0]?.[
          'sum'
        ],
    );
    return (await Promise.all(sums)).join(' ');
  };
  return { ...http, send, closes, contents };
};

export const header = 'symbol,date,close\n';

/** Two days of two symbols. */
export const two = `${header}AAA,2024-01-02,100\nAAA,2024-01-03,101\nBBB,2024-01-02,50\nBBB,2024-01-03,49.5\n`;
