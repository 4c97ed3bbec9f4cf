import type { Reader } from '#src/kernel/unit-of-work.ts';
import { chainedHash, genesisHash, type StoredEvent } from './event-content.ts';
import { createAuditQueries } from './queries.ts';

/** Where a chain ends. Kept elsewhere, it shows later that nothing before it was rewritten. */
export type Anchor = { readonly stream: string; readonly sequence: number; readonly hash: string };

type Fault = {
  /** Null for what concerns no single stream. */
  readonly stream: string | null;
  /** The first event of the stream that is not what it was, or the place where one is missing. */
  readonly sequence: number | null;
  readonly id: string | null;
  readonly problem: string;
};

export type Verification = {
  readonly streams: number;
  readonly events: number;
  /** The first of each stream. Empty when nothing was tampered with. */
  readonly faults: readonly Fault[];
  /** Where the chains that hold end now. */
  readonly anchors: readonly Anchor[];
};

const batch = 1_000;

/** What is wrong with `event` standing after `previous`. */
const problemOf = (event: StoredEvent, previous: Anchor, anchors: readonly Anchor[]): string | undefined => {
  if (event.sequence !== previous.sequence + 1) return `stands where event ${previous.sequence + 1} is missing`;
  if (event.previous_hash !== previous.hash) return 'does not follow from the event before it';
  if (event.hash !== chainedHash(previous.hash, event)) return 'does not say what was hashed';
  const wrong = anchors.find(({ sequence, hash }) => sequence === event.sequence && hash !== event.hash);
  return wrong && 'is not the event that the head of the stream, or an anchor, was taken from';
};

const headOf = async ({ query }: Reader, stream: string): Promise<Anchor> => {
  const [head] = await query<Anchor>(
    `select stream, sequence, encode(hash, 'hex') as hash from audit_stream where stream = $1`,
    [stream],
  );
  return head ?? { stream, sequence: 0, hash: genesisHash };
};

/** Walks one chain from its beginning. */
const walk = async (
  reader: Reader,
  stream: string,
  kept: readonly Anchor[],
): Promise<{ readonly end: Anchor; readonly fault: Fault | undefined }> => {
  const queries = createAuditQueries({ reader });
  const head = await headOf(reader, stream);
  const anchors = [head, ...kept];
  let end: Anchor = { stream, sequence: 0, hash: genesisHash };
  for (let more = true; more;) {
    const events = await queries.chain(stream, end.sequence, batch);
    for (const event of events) {
      const found = (problem: string) => ({ end, fault: { stream, sequence: event.sequence, id: event.id, problem } });
      const problem = problemOf(event, end, anchors);
      if (problem) return found(problem);
      if (event.sequence > head.sequence) return found('was not appended by the service: the head knows nothing of it');
      end = { stream, sequence: event.sequence, hash: event.hash };
    }
    more = events.length === batch;
  }
  const known = Math.max(...anchors.map(({ sequence }) => sequence));
  if (end.sequence === known) return { end, fault: undefined };
  const problem = `is missing: the stream had ${known} events`;
  return { end, fault: { stream, sequence: end.sequence + 1, id: null, problem } };
};

const triggers = ['audit_event_refuse', 'audit_stream_refuse', 'audit_stream_advance'];

const missingTriggers = async ({ query }: Reader): Promise<Fault[]> => {
  const rows = await query<{ name: string }>(
    `select tgname as name from pg_trigger where tgname = any($1) and tgenabled in ('O', 'A')`,
    [triggers],
  );
  const there = new Set(rows.map(({ name }) => name));
  return triggers
    .filter((name) => !there.has(name))
    .map((name) => ({ stream: null, sequence: null, id: null, problem: `Trigger ${name} is missing or disabled` }));
};

/**
 * Computes every chain again from the columns as they are now, and compares it with its head and with anchors kept
 * from an earlier run. Reads in batches and locks nothing; run it in one snapshot (repeatable read), and it may stand
 * beside a working service.
 */
export const verifyAuditTrail = async (reader: Reader, kept: readonly Anchor[] = []): Promise<Verification> => {
  const rows = await reader.query<{ stream: string }>(
    'select stream from audit_stream union select stream from audit_event',
  );
  const streams = [...new Set([...rows, ...kept].map(({ stream }) => stream))].sort();
  const faults = await missingTriggers(reader);
  const anchors: Anchor[] = [];
  let events = 0;
  for (const stream of streams) {
    const { end, fault } = await walk(
      reader,
      stream,
      kept.filter((anchor) => anchor.stream === stream),
    );
    events += end.sequence;
    if (fault) faults.push(fault);
    else anchors.push(end);
  }
  return { streams: streams.length, events, faults, anchors };
};
