import { isDeepStrictEqual } from 'node:util';
import type { AuditAction, AuditStreamKind } from '#src/kernel/ports/audit.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { StoredEvent } from './event-content.ts';
import { createAuditQueries } from './queries.ts';

/** A row of a state table: its columns by name, with instants as RFC 3339. */
type State = { readonly [column: string]: unknown };

type Rebuildable = {
  readonly streams: AuditStreamKind;
  /** Columns that the trail contains. It does not contain secrets, names chosen by users, and the last use of a key. */
  readonly columns: readonly string[];
  /** The columns of a new row that the first event does not contain. */
  readonly initial: State;
  /** Only the action `created` makes a row. Others can name an object that was never stored, such as the client of the configuration. */
  readonly onlyCreated?: true;
  /** The action that deletes a row. */
  readonly removal?: AuditAction;
  /** Columns that follow from the action and the reason of an event. Its data come after them, so they can correct them. */
  readonly derived?: (event: StoredEvent) => State;
};

const refreshStartColumns = ['universe', 'universe_version', 'trigger', 'started_at', 'trace_id', 'queued'];
const refreshInitial: State = {
  status: 'running',
  reason: null,
  error_detail: null,
  finished_at: null,
  applied_at: null,
  source: null,
  assets: 0,
  prices: 0,
  index_values: 0,
  quarantined: 0,
  series_replaced: [],
  series_held_back: [],
  rows_written: 0,
  row_errors: [],
  row_errors_total: 0,
};

const rebuildable = {
  refresh: {
    streams: 'refresh',
    // Without `rows_read`: a running upload updates it without an event.
    columns: [...refreshStartColumns, ...Object.keys(refreshInitial)],
    // Events of earlier versions have no version of the universe.
    initial: { ...refreshInitial, universe_version: null, rows_read: 0 },
    removal: 'refresh.removed',
    derived: ({ action, reason }) =>
      ['refresh.queued', 'refresh.started', 'refresh.applied'].includes(action)
        ? {}
        : { status: action.slice('refresh.'.length), reason },
  },
  oauth_client: {
    streams: 'client',
    columns: ['scopes', 'created_at', 'rotated_at', 'revoked_at'],
    initial: { rotated_at: null, revoked_at: null },
    onlyCreated: true,
  },
  api_key: {
    streams: 'api_key',
    columns: ['owner_kind', 'owner_id', 'prefix', 'scopes', 'created_at', 'expires_at', 'revoked_at'],
    initial: { revoked_at: null },
    onlyCreated: true,
  },
} as const satisfies Readonly<Record<string, Rebuildable>>;

type StateTable = keyof typeof rebuildable;
const stateTables = Object.keys(rebuildable) as StateTable[];

/** True for an event that changes a row. Refused actions do not, and actions of another kind than the stream do not. */
const changesState = ({ stream, action, outcome }: StoredEvent): boolean =>
  outcome !== 'refused' && action.startsWith(`${stream.slice(0, stream.indexOf(':'))}.`);

const batchSize = 1_000;

/** Rebuilds the rows of `table`, by id, from the events only. The data of each event replaces columns of the row. */
export const rebuildState = async (reader: Reader, table: StateTable): Promise<ReadonlyMap<string, State>> => {
  const { streams, initial, onlyCreated, removal, derived }: Rebuildable = rebuildable[table];
  const queries = createAuditQueries({ reader });
  const names = await reader.query<{ stream: string }>(
    `select stream from audit_stream where starts_with(stream, $1) order by stream`,
    [`${streams}:`],
  );
  const rows = new Map<string, State>();
  for (const { stream } of names) {
    for (let sequence = 0; ;) {
      const events = await queries.chain(stream, sequence, batchSize);
      for (const event of events.filter(changesState)) {
        const { action, target, data } = event;
        const before = rows.get(target) ?? (onlyCreated && action !== `${streams}.created` ? undefined : initial);
        if (action === removal) rows.delete(target);
        else if (before) rows.set(target, { ...before, ...derived?.(event), ...data });
      }
      sequence = events.at(-1)?.sequence ?? sequence;
      if (events.length < batchSize) break;
    }
  }
  return rows;
};

const readState = async ({ query }: Reader, table: StateTable): Promise<ReadonlyMap<string, State>> => {
  const columns = rebuildable[table].columns.map((column) => `"${column}"`).join(', ');
  const rows = await query<{ id: string }>(`select id, ${columns} from ${table}`);
  const plain = (value: unknown): unknown => (value instanceof Date ? value.toISOString() : value);
  return new Map(
    rows.map(({ id, ...row }) => [id, Object.fromEntries(Object.entries(row).map(([name, v]) => [name, plain(v)]))]),
  );
};

type Difference = { readonly table: StateTable; readonly id: string; readonly problem: string };

/** Compares the tables with the rows rebuilt from the trail. The reader must read from one snapshot. */
export const compareState = async (reader: Reader): Promise<Difference[]> => {
  const differences: Difference[] = [];
  for (const table of stateTables) {
    const stored = await readState(reader, table);
    const rebuilt = await rebuildState(reader, table);
    const report = (id: string, problem: string): number => differences.push({ table, id, problem });
    for (const [id, row] of stored) {
      const expected = rebuilt.get(id);
      const wrong = Object.keys(row).filter((name) => expected && !isDeepStrictEqual(row[name], expected[name]));
      if (!expected) report(id, 'is in the table but has no events');
      else if (wrong.length > 0) report(id, `differs from its events in ${wrong.join(', ')}`);
    }
    for (const id of rebuilt.keys()) if (!stored.has(id)) report(id, 'has events but is missing in the table');
  }
  return differences;
};
