import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { chainedHash, genesisHash, type StoredEvent } from './event-content.ts';
import { createAuditQueries } from './queries.ts';

/**
 * The end of a chain. An anchor that is stored outside the database can prove later that the chain was not rewritten.
 */
export type Anchor = { readonly stream: string; readonly sequence: number; readonly hash: string };

type Fault = {
  /** Null for a fault that does not belong to one stream. */
  readonly stream: string | null;
  /** The first changed event of the stream, or the position of a missing event. */
  readonly sequence: number | null;
  readonly id: string | null;
  readonly problem: string;
};

export type Verification = {
  readonly streams: number;
  readonly events: number;
  /** The first fault of each stream. Empty if nothing was changed. */
  readonly faults: readonly Fault[];
  /** The ends of the chains without a fault. */
  readonly anchors: readonly Anchor[];
};

const batchSize = 1_000;

/** The problem of `event` as the successor of `previous`, or undefined. */
const problemOf = (event: StoredEvent, previous: Anchor, anchors: readonly Anchor[]): string | undefined => {
  if (event.sequence !== previous.sequence + 1) return `follows a gap: event ${previous.sequence + 1} is missing`;
  if (event.previous_hash !== previous.hash) return 'does not have the hash of the previous event';
  if (event.hash !== chainedHash(previous.hash, event)) return 'does not match its hash';
  const wrong = anchors.find(({ sequence, hash }) => sequence === event.sequence && hash !== event.hash);
  return wrong && 'does not have the hash of the head of the stream or of an anchor';
};

const headOf = async ({ query }: Reader, stream: string): Promise<Anchor> => {
  const [head] = await query<Anchor>(
    `select stream, sequence, encode(hash, 'hex') as hash from audit_stream where stream = $1`,
    [stream],
  );
  return head ?? { stream, sequence: 0, hash: genesisHash };
};

/** Verifies one chain from its first event. */
const verifyChain = async (
  reader: Reader,
  stream: string,
  storedAnchors: readonly Anchor[],
): Promise<{ readonly end: Anchor; readonly fault: Fault | undefined }> => {
  const queries = createAuditQueries({ reader });
  const head = await headOf(reader, stream);
  const anchors = [head, ...storedAnchors];
  let end: Anchor = { stream, sequence: 0, hash: genesisHash };
  for (let more = true; more;) {
    const events = await queries.chain(stream, end.sequence, batchSize);
    for (const event of events) {
      const faultOf = (problem: string) => ({
        end,
        fault: { stream, sequence: event.sequence, id: event.id, problem },
      });
      const problem = problemOf(event, end, anchors);
      if (problem) return faultOf(problem);
      if (event.sequence > head.sequence)
        return faultOf('is after the head of the stream, so the service did not append it');
      end = { stream, sequence: event.sequence, hash: event.hash };
    }
    more = events.length === batchSize;
  }
  const expectedEvents = Math.max(...anchors.map(({ sequence }) => sequence));
  if (end.sequence === expectedEvents) return { end, fault: undefined };
  const problem = `is missing: the stream had ${expectedEvents} events`;
  return { end, fault: { stream, sequence: end.sequence + 1, id: null, problem } };
};

const triggers = ['audit_event_refuse', 'audit_stream_refuse', 'audit_stream_advance'];

const missingTriggers = async ({ query }: Reader): Promise<Fault[]> => {
  const rows = await query<{ name: string }>(
    `select tgname as name from pg_trigger where tgname = any($1) and tgenabled in ('O', 'A')`,
    [triggers],
  );
  const enabled = new Set(rows.map(({ name }) => name));
  return triggers
    .filter((name) => !enabled.has(name))
    .map((name) => ({ stream: null, sequence: null, id: null, problem: `Trigger ${name} is missing or disabled` }));
};

/**
 * Computes the hashes of every chain again from the current columns. Compares them with the head of the chain and with
 * the anchors of an earlier run. The function reads in batches and does not lock rows, so it can run next to a running
 * service. The reader must read from one snapshot (repeatable read).
 */
export const verifyAuditTrail = async (
  reader: Reader,
  storedAnchors: readonly Anchor[] = [],
): Promise<Verification> => {
  const rows = await reader.query<{ stream: string }>(
    'select stream from audit_stream union select stream from audit_event',
  );
  const streams = [...new Set([...rows, ...storedAnchors].map(({ stream }) => stream))].sort();
  const faults = await missingTriggers(reader);
  const storedOf = Map.groupBy(storedAnchors, ({ stream }) => stream);
  const anchors: Anchor[] = [];
  let events = 0;
  for (const stream of streams) {
    const { end, fault } = await verifyChain(reader, stream, storedOf.get(stream) ?? []);
    events += end.sequence;
    if (fault) faults.push(fault);
    else anchors.push(end);
  }
  return { streams: streams.length, events, faults, anchors };
};
