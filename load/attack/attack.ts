import type { AbuseKind } from '#src/kernel/catalogue/abuse.ts';
import type { People } from './people.ts';
import type { Tally } from './tally.ts';

/** What one attack is given to work with. */
export type Field = {
  /** Of the service on 127.0.0.1. */
  readonly port: number;
  /** Client addresses, for `X-Forwarded-For`: one, or many. */
  readonly addresses: readonly string[];
  /** Upper bound of the requests that the attack sends. */
  readonly requests: number;
  /** The shortest time over which requests are spread, so that the good caller is measured meanwhile. */
  readonly spreadMs: number;
  /** Starts the time of the attack; what is prepared before does not count. */
  readonly begin: () => void;
  /** Aborted when the attack must end; open sockets are destroyed then. */
  readonly signal: AbortSignal;
  readonly tally: Tally;
  readonly people: People;
  /** A statement on the service's database, past the service. */
  readonly sql: (text: string, parameters?: readonly unknown[]) => Promise<Record<string, unknown>[]>;
};

export type Attack = {
  readonly name: string;
  /** Further kinds that show the refusal as well, because another limit may be met first. */
  readonly orKinds?: readonly AbuseKind[];
  /** With fewer requests the limit is not reached; then no refusal is expected. */
  readonly minRequestsForRefusal?: number;
  /** The refusal comes only after seconds; in the short form the attack runs beside all others only. */
  readonly slow?: true;
  readonly run: (field: Field) => Promise<void>;
  /** What is wrong beyond the figures that every attack must keep; undefined when nothing is. */
  readonly fault?: (field: Field) => Promise<string | undefined> | string | undefined;
};
