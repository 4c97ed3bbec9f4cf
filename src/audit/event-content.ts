import { createHash } from 'node:crypto';
import type { AuditAction, AuditActor, AuditOutcome, Json } from '#src/kernel/ports/audit.ts';
import { storedJson } from './stored-json.ts';

/** The content of an event, which its hash covers. The previous hash covers the position in the chain. */
export type EventContent = {
  readonly id: string;
  readonly stream: string;
  readonly action: AuditAction;
  readonly outcome: AuditOutcome;
  readonly actor: AuditActor;
  readonly target: string;
  readonly reason: string | null;
  readonly request_id: string | null;
  readonly trace_id: string | null;
  /** RFC 3339 in UTC, with milliseconds. */
  readonly occurred_at: string;
  readonly data: { readonly [name: string]: Json };
};

/** An event as stored. Hashes are SHA-256 in lower-case hexadecimal. */
export type StoredEvent = EventContent & {
  /** Position in the stream, from 1 without gaps. */
  readonly sequence: number;
  readonly previous_hash: string;
  readonly hash: string;
};

/** The previous hash of the first event of every stream. */
export const genesisHash = '00'.repeat(32);

/** The canonical JSON of the content of an event. */
export const contentOf = (event: EventContent): string =>
  storedJson({
    id: event.id,
    stream: event.stream,
    action: event.action,
    outcome: event.outcome,
    actor: { kind: event.actor.kind, subject: event.actor.subject },
    target: event.target,
    reason: event.reason,
    request_id: event.request_id,
    trace_id: event.trace_id,
    occurred_at: event.occurred_at,
    data: event.data,
  });

/** SHA-256 over the 32 bytes of the previous hash and the UTF-8 of the canonical content. */
export const chainedHash = (previousHash: string, event: EventContent): string =>
  createHash('sha256').update(Buffer.from(previousHash, 'hex')).update(contentOf(event)).digest('hex');
