import type { AbuseKind } from '#src/kernel/catalogue/abuse.ts';
import type { GoogleServer } from '#testkit/servers/google-server.ts';
import type { People } from './people.ts';
import type { Tally } from './tally.ts';

/** The inputs of one attack. */
export type Field = {
  /** Port of the service on 127.0.0.1. */
  readonly port: number;
  /** Client addresses for `X-Forwarded-For`: one or more. */
  readonly addresses: readonly string[];
  /** Other attacks that run at the same time have the same addresses, so their requests count for the same limits. */
  readonly isShared: boolean;
  /** Other attacks run at the same time, so limits of all clients together are reached. */
  readonly isMixed: boolean;
  /** The maximum number of requests that the attack sends. */
  readonly requests: number;
  /**
   * The minimum time in milliseconds over which the requests are spread. The good caller is measured during this time.
   */
  readonly spreadMs: number;
  /** Starts the clock of the attack. Time for preparation before this call does not count. */
  readonly begin: () => void;
  /** Aborted when the attack must end. Open sockets are destroyed at that moment. */
  readonly signal: AbortSignal;
  readonly tally: Tally;
  readonly people: People;
  /** The Google of the service. Its one calendar is nearly as large as it may be. */
  readonly google: GoogleServer;
  /** Executes a statement directly on the database of the service. */
  readonly sql: (text: string, parameters?: readonly unknown[]) => Promise<Record<string, unknown>[]>;
};

export type Attack = {
  readonly name: string;
  /** Other kinds that are also accepted as the refusal, because the attack may reach another limit first. */
  readonly orKinds?: readonly AbuseKind[];
  /** With fewer requests the attack does not reach the limit, and no refusal is expected. */
  readonly minRequestsForRefusal?: number;
  /** The same for the requests of one address, where the limit is one of addresses. */
  readonly minRequestsOfAddress?: number;
  /**
   * The refusal comes only after several seconds. The short form therefore runs this attack only together with all
   * others.
   */
  readonly slow?: true;
  readonly run: (field: Field) => Promise<void>;
  /** A fault that the common checks of all attacks do not detect; undefined if there is none. */
  readonly fault?: (field: Field) => Promise<string | undefined> | string | undefined;
};
