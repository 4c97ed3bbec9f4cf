import type { AuditAction, AuditActor, AuditOutcome, Json } from '#src/kernel/ports/audit.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { StoredEvent } from './event-content.ts';

/** Filters of events; undefined means no filter. `from` and `to` are inclusive, in Unix milliseconds. */
export type AuditFilters = {
  readonly stream?: string | undefined;
  readonly action?: string | undefined;
  readonly outcome?: string | undefined;
  readonly actor?: string | undefined;
  readonly target?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
};

type AuditPage = AuditFilters & {
  /** The id of the last event of the previous page; null for the first page. */
  readonly after: string | null;
  readonly limit: number;
};

type EventRow = {
  readonly id: string;
  readonly stream: string;
  readonly sequence: number;
  readonly action: AuditAction;
  readonly outcome: AuditOutcome;
  readonly actor_kind: AuditActor['kind'];
  readonly actor_subject: string | null;
  readonly target: string;
  readonly reason: string | null;
  readonly request_id: string | null;
  readonly trace_id: string | null;
  readonly occurred_at: string;
  readonly data: { readonly [name: string]: Json };
  readonly previous_hash: string;
  readonly hash: string;
};

const columns = `id, stream, sequence, action, outcome, actor_kind, actor_subject, target, reason, request_id, trace_id,
  to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as occurred_at, data,
  encode(previous_hash, 'hex') as previous_hash, encode(hash, 'hex') as hash`;

const toEvent = ({
  id,
  stream,
  sequence,
  action,
  outcome,
  actor_kind,
  actor_subject,
  ...rest
}: EventRow): StoredEvent => ({
  id,
  stream,
  sequence,
  action,
  outcome,
  actor: { kind: actor_kind, subject: actor_subject },
  ...rest,
});

/** The min id of an event in the given Unix millisecond. Ids are UUIDv7, so a range of times is a range of ids. */
const idFrom = (milliseconds: number): string => {
  const time = Math.max(0, milliseconds).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
};

export type AuditQueries = {
  /** Oldest first. */
  readonly events: (page: AuditPage) => Promise<StoredEvent[]>;
  /** The events of one stream after `sequence`, in the order of the chain. */
  readonly chain: (stream: string, sequence: number, limit: number) => Promise<StoredEvent[]>;
};

/** Reads of the audit trail. */
export const createAuditQueries = ({ reader: { query } }: { readonly reader: Reader }): AuditQueries => ({
  events: async ({ stream, action, outcome, actor, target, from, to, after, limit }) => {
    const conditions: string[] = [];
    const parameters: unknown[] = [];
    const where = (condition: string, value: unknown): void => {
      if (value === undefined || value === null) return;
      parameters.push(value);
      conditions.push(`${condition} $${parameters.length}`);
    };
    where('stream =', stream);
    where('action =', action);
    where('outcome =', outcome);
    where('actor_subject =', actor);
    where('target =', target);
    where('id >=', from === undefined ? undefined : idFrom(from));
    where('id <', to === undefined ? undefined : idFrom(to + 1));
    where('id >', after);
    parameters.push(limit);
    const filter = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
    const rows = await query<EventRow>(
      `select ${columns} from audit_event ${filter} order by id limit $${parameters.length}`,
      parameters,
    );
    return rows.map(toEvent);
  },
  chain: async (stream, sequence, limit) => {
    const rows = await query<EventRow>(
      `select ${columns} from audit_event where stream = $1 and sequence > $2 order by sequence limit $3`,
      [stream, sequence, limit],
    );
    return rows.map(toEvent);
  },
});
