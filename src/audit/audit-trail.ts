import { isSpanContextValid, trace } from '@opentelemetry/api';
import { actorOf, type AuditActor, type AuditEvent, type AuditTrail } from '#src/kernel/ports/audit.ts';
import { hasAlwaysAnEvent } from '#src/kernel/catalogue/audit-actions.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import type { Query, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { AssertMayCreate } from './creation-quota.ts';
import type { EndingLimit } from './ending-limit.ts';
import { storedJson } from './stored-json.ts';
import { contentOf, type EventContent } from './event-content.ts';
import { applyChanges, type CountChange } from './owner-counts.ts';
import { createAfterAnswer } from './refusals/after-answer.ts';
import { windowOfRefusal, type OmittedRefusals, type RefusalLimit } from './refusals/refusal-limit.ts';

// SQL: the hash chain takes its next number under the lock of the stream in one step.

export type AuditTrailDeps = {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Creates a UUIDv7 with the given time in Unix milliseconds. */
  readonly ids: (now: number) => string;
  /** Without it every refusal is recorded. */
  readonly refusals?: RefusalLimit;
  /** Without it the objects that one actor creates in a day are not limited. */
  readonly assertMayCreate?: AssertMayCreate;
  /** Without it every end of credentials is recorded. */
  readonly limitEndings?: EndingLimit;
};

/**
 * Updates the head of the stream and appends the event in one statement. The row lock of the head serialises concurrent
 * transactions until the commit. PostgreSQL computes the hash; the verification computes it again with `chainedHash`.
 */
const append = `
  with head as (
    insert into audit_stream as head (stream, sequence, previous_hash, hash)
    values ($2, 1, decode(repeat('00', 32), 'hex'), sha256(decode(repeat('00', 32), 'hex') || convert_to($12, 'UTF8')))
    on conflict (stream) do update set
      sequence = head.sequence + 1,
      previous_hash = head.hash,
      hash = sha256(head.hash || convert_to($12, 'UTF8'))
    returning sequence, previous_hash, hash
  )
  insert into audit_event (id, stream, action, outcome, actor_kind, actor_subject, target, reason, request_id, trace_id,
    occurred_at, data, sequence, previous_hash, hash)
  select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $13, sequence, previous_hash, hash from head`;

const currentActor = (): AuditActor => {
  const request = currentRequest();
  if (request?.principal) return actorOf(request.principal);
  return { kind: request ? 'anonymous' : 'system', subject: null };
};

/** Trace id of the active span, because background work can have left the trace of the request; else of the request. */
const currentTraceId = (): string | null => {
  const span = trace.getActiveSpan()?.spanContext();
  return span && isSpanContextValid(span) ? span.traceId : (currentRequest()?.traceId ?? null);
};

/** Events of a transaction that wait for its commit, and how they change the counts of owners. */
type Pending = { readonly events: EventContent[]; readonly changes: CountChange[] };

const byStream = (left: Pick<EventContent, 'stream'>, right: Pick<EventContent, 'stream'>): number =>
  left.stream < right.stream ? -1 : left.stream > right.stream ? 1 : 0;

/** Streams whose names hold the id of a user, which is personal data and belongs in no span. */
const userStreams = /^(?:user|session):/;

/** The name of a stream for spans. The row of the event has the trace id, so it is found without the id of the user. */
const tracedStream = (stream: string): string =>
  userStreams.test(stream) ? stream.slice(0, stream.indexOf(':')) : stream;

/** The audit trail in PostgreSQL, in the tables of migration `0002-audit-trail`. The port documents the guarantees. */
export const createAuditTrail = (deps: AuditTrailDeps): AuditTrail => {
  const { clock, metrics, ids, refusals, assertMayCreate, limitEndings } = deps;
  const pendingEvents = new WeakMap<Transaction, Pending>();

  const write = async (query: Query, event: EventContent): Promise<void> => {
    const { id, stream, action, outcome, actor, target, reason, request_id, trace_id, occurred_at, data } = event;
    const columns = [id, stream, action, outcome, actor.kind, actor.subject, target, reason, request_id, trace_id];
    await query(append, [...columns, occurred_at, contentOf(event), storedJson(data)]);
    metrics.count('volwatch_audit_events_total', { action, outcome });
  };

  const contentFor = (event: AuditEvent): EventContent => {
    const now = clock.now();
    return {
      id: ids(now.getTime()),
      stream: event.stream,
      action: event.action,
      outcome: event.outcome,
      actor: event.actor ?? currentActor(),
      target: event.target,
      reason: event.reason ?? null,
      request_id: currentRequest()?.requestId ?? null,
      trace_id: currentTraceId(),
      occurred_at: now.toISOString(),
      data: event.data ?? {},
    };
  };

  const omission = ({ stream, omitted, since }: OmittedRefusals): EventContent => {
    const now = clock.now();
    return {
      id: ids(now.getTime()),
      stream,
      action: 'refusals.counted',
      outcome: 'refused',
      actor: { kind: 'system', subject: null },
      target: stream.slice(stream.indexOf(':') + 1),
      reason: null,
      request_id: null,
      trace_id: null,
      occurred_at: now.toISOString(),
      data: { omitted, since: since.toISOString() },
    };
  };

  const countOmitted = (): void => metrics.count('volwatch_audit_refusals_omitted_total', {});

  const writeWithinLimit = async (query: Query, event: EventContent): Promise<void> => {
    if (!refusals || event.outcome !== 'refused' || hasAlwaysAnEvent(event.action)) return write(query, event);
    const { record, before } = await refusals.admit(query, event);
    if (before) await write(query, omission(before));
    if (record) return write(query, event);
    countOmitted();
  };

  const pendingOf = (transaction: Transaction): Pending => {
    const known = pendingEvents.get(transaction);
    if (known) return known;
    const pending: Pending = { events: [], changes: [] };
    pendingEvents.set(transaction, pending);
    transaction.beforeCommit(async () => {
      // Every transaction locks counts and heads in the same order, so there are no deadlocks. The sort is stable, so the
      // events of one stream keep their order.
      await applyChanges(transaction.query, pending.changes);
      for (const each of pending.events.sort(byStream)) await writeWithinLimit(transaction.query, each);
    });
    return pending;
  };

  const add = async (transaction: Transaction, wanted: EventContent): Promise<void> => {
    const created = await assertMayCreate?.(transaction.query, wanted);
    const ending = await limitEndings?.(transaction.query, wanted);
    if (ending?.record === false) return metrics.count('volwatch_audit_endings_omitted_total', {});
    const { events, changes } = pendingOf(transaction);
    events.push(ending?.data ? { ...wanted, data: { ...wanted.data, ...ending.data } } : wanted);
    for (const change of [created, ending?.change]) if (change) changes.push(change);
    trace
      .getActiveSpan()
      ?.addEvent('audit.recorded', { 'audit.action': wanted.action, 'audit.stream': tracedStream(wanted.stream) });
  };

  const record: AuditTrail['record'] = (transaction, event) => add(transaction, contentFor(event));

  const afterAnswer = createAfterAnswer<EventContent>(refusals?.maxPerHour ?? Infinity);

  /** A refusal that memory has no place for is in the metric only. */
  const omit = (refusal: EventContent): void => {
    refusals?.omit(refusal);
    countOmitted();
  };

  /** Records refusals of one window. */
  const recordRefusals = async (unitOfWork: UnitOfWork, events: readonly EventContent[]): Promise<void> => {
    // Others may have filled the window meanwhile.
    if (refusals?.isFull(events[0]!)) return events.forEach(omit);
    try {
      await unitOfWork.run({ operation: 'auth.refusal' }, async (transaction) => {
        for (const event of events) await add(transaction, event);
      });
    } catch {
      // Too many wait, or the database cannot take them. The unit of work has logged it. The number must not depend on that.
      refusals?.forgetFull(events[0]!);
      events.forEach(omit);
    }
  };

  const refuse: AuditTrail['refuse'] = (unitOfWork, refusal) => {
    // Whoever causes refusals that nobody records must not take connections from others.
    if (refusals?.isFull(refusal) && refusals.omit(refusal)) return countOmitted();
    const event = contentFor({ ...refusal, outcome: 'refused' });
    const isKept = afterAnswer.begin(windowOfRefusal(refusal), event, (events) => recordRefusals(unitOfWork, events));
    if (!isKept) omit(event);
  };

  return {
    record,
    refuse,
    flushRefusals: async (unitOfWork) => {
      await afterAnswer.settled();
      await refusals?.flush(unitOfWork);
    },

    countRefusals: async ({ query }) => {
      const ended = [...((await refusals?.takeEnded(query)) ?? [])].sort(byStream);
      for (const omitted of ended) await write(query, omission(omitted));
      return ended.length;
    },
  };
};
