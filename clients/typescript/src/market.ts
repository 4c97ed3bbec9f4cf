import type { Fetch } from './transport.js';

export const arrowType = 'application/vnd.apache.arrow.stream';
const pageRows = '1000';

export type DateRange = { readonly from?: string; readonly to?: string };

export type UploadOptions = {
  /** Default: Arrow for bytes, `text/csv` for a text. */
  readonly contentType?: string;
  /** `merge` (default): the file is the truth between its first and last date. `replace`: for its whole series. */
  readonly mode?: 'merge' | 'replace';
  /** `fail` (default): one refused row refuses the file. `skip`: the other rows are stored. */
  readonly onError?: 'fail' | 'skip';
  /** Whether the prices are in shares of today, as most tools download them. */
  readonly adjusted?: boolean;
  /** Max time until the prices are stored, 300 s by default. */
  readonly timeoutMs?: number;
};

/** Reads all pages of a list of rows. Each page is an Arrow IPC stream of its own. */
export const arrowPages = async function* (
  transport: Fetch,
  address: string,
  { from, to }: DateRange,
): AsyncGenerator<Uint8Array, void, undefined> {
  const query = new URLSearchParams({ limit: pageRows, ...(from && { from }), ...(to && { to }) });
  for (;;) {
    const headers = { accept: `${arrowType}, application/problem+json` };
    const response = await transport(new Request(`${address}?${query}`, { headers }));
    yield new Uint8Array(await response.arrayBuffer());
    const cursor = response.headers.get('x-next-cursor');
    if (cursor === null) return;
    query.set('cursor', cursor);
  }
};

/** The request that uploads prices to a universe. */
export const uploadRequest = (
  url: string,
  universe: string,
  content: Uint8Array | string,
  { contentType, mode = 'merge', onError = 'fail', adjusted }: UploadOptions,
  prefer: string,
): Request => {
  const query = new URLSearchParams({ mode, on_error: onError });
  if (adjusted !== undefined) query.set('adjusted', String(adjusted));
  return new Request(`${url}/api/v1/universes/${encodeURIComponent(universe)}/prices?${query}`, {
    method: 'POST',
    headers: { 'content-type': contentType ?? (typeof content === 'string' ? 'text/csv' : arrowType), prefer },
    body: content as string | Uint8Array<ArrayBuffer>,
  });
};
