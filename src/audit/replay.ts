import { isDeepStrictEqual } from 'node:util';
import type { AuditAction, AuditStreamKind } from '#src/kernel/audit.ts';
import type { Reader } from '#src/kernel/unit-of-work.ts';
import type { StoredEvent } from './event-content.ts';
import { createAuditQueries } from './queries.ts';

/** A row of a state table: its columns by name, instants as RFC 3339. */
type State = { readonly [column: string]: unknown };

type Rebuildable = {
  readonly streams: AuditStreamKind;
  /** Every column that the trail holds: not secrets, names that people give, nor when a key was last used. */
  readonly columns: readonly string[];
  /** What a row holds before its first event says more. */
  readonly initial: State;
  /** The action that takes a row away. */
  readonly removal?: AuditAction;
  /** What an event says beside its data. */
  readonly also?: (event: StoredEvent) => State;
};

const refreshBegins = ['universe', 'trigger', 'started_at', 'trace_id', 'queued'];
const refreshBegun: State = {
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
};

const rebuildable = {
  refresh: {
    streams: 'refresh',
    columns: [...refreshBegins, ...Object.keys(refreshBegun)],
    initial: refreshBegun,
    removal: 'refresh.removed',
    also: ({ action, reason }) =>
      ['refresh.queued', 'refresh.started', 'refresh.applied'].includes(action)
        ? {}
        : { status: action.slice('refresh.'.length), reason },
  },
  oauth_client: {
    streams: 'client',
    columns: ['scopes', 'created_at', 'rotated_at', 'revoked_at'],
    initial: { rotated_at: null, revoked_at: null },
  },
  api_key: {
    streams: 'api_key',
    columns: ['owner_kind', 'owner_id', 'prefix', 'scopes', 'created_at', 'expires_at', 'revoked_at'],
    initial: { revoked_at: null },
  },
} as const satisfies Readonly<Record<string, Rebuildable>>;

type StateTable = keyof typeof rebuildable;
const stateTables = Object.keys(rebuildable) as StateTable[];

/** Of what its stream is about, and done: what was refused, and what else the owner of the stream did, changes nothing. */
const changesState = ({ stream, action, outcome }: StoredEvent): boolean =>
  outcome !== 'refused' && action.startsWith(`${stream.slice(0, stream.indexOf(':'))}.`);

const batch = 1_000;

/** The rows of `table` as their events alone have them, by id: each event's data is laid over what was before. */
export const rebuildState = async (reader: Reader, table: StateTable): Promise<ReadonlyMap<string, State>> => {
  const { streams, initial, removal, also }: Rebuildable = rebuildable[table];
  const queries = createAuditQueries({ reader });
  const names = await reader.query<{ stream: string }>(
    `select stream from audit_stream where starts_with(stream, $1) order by stream`,
    [`${streams}:`],
  );
  const rows = new Map<string, State>();
  for (const { stream } of names) {
    for (let sequence = 0; ;) {
      const events = await queries.chain(stream, sequence, batch);
      for (const event of events.filter(changesState)) {
        const { target, data } = event;
        if (event.action === removal) rows.delete(target);
        else rows.set(target, { ...(rows.get(target) ?? initial), ...data, ...also?.(event) });
      }
      sequence = events.at(-1)?.sequence ?? sequence;
      if (events.length < batch) break;
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

/** Where the tables are not what the trail says they became. To be run in one snapshot. */
export const compareState = async (reader: Reader): Promise<Difference[]> => {
  const differences: Difference[] = [];
  for (const table of stateTables) {
    const stored = await readState(reader, table);
    const rebuilt = await rebuildState(reader, table);
    const differ = (id: string, problem: string): number => differences.push({ table, id, problem });
    for (const [id, row] of stored) {
      const expected = rebuilt.get(id);
      const wrong = Object.keys(row).filter((name) => expected && !isDeepStrictEqual(row[name], expected[name]));
      if (!expected) differ(id, 'is in the table, and no event says so');
      else if (wrong.length > 0) differ(id, `differs from its events in ${wrong.join(', ')}`);
    }
    for (const id of rebuilt.keys()) if (!stored.has(id)) differ(id, 'has events, and is gone from the table');
  }
  return differences;
};
