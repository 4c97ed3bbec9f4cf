import type { LogLine } from '#testkit/service.ts';
import type { Alertmanager } from '../alertmanager.ts';
import type { Stack } from '../stack.ts';
import type { Surroundings } from './surroundings.ts';

/** What stands around the service, and the traffic that flows all the time. */
export type Around = Surroundings & {
  readonly alertmanager: Alertmanager;
  readonly traffic: { isPaused: boolean };
};

/** A cause on the live service, and the signals that must follow. */
export type Scenario = {
  readonly alert: string;
  /** Tells several causes of one alert apart. */
  readonly variant?: string;
  readonly fault: string;
  /** The fault is that nothing happens, so the log query of its runbook finds what happened before. */
  readonly isSilent?: true;
  readonly inject: (stack: Stack, around: Around) => Promise<void> | void;
  /** Repeated during the fault. Returns the trace id of a request that the fault affected. */
  readonly meet?: (stack: Stack, token: string) => Promise<string | undefined>;
  /** Selects the log line of the fault. With `meet`, the line must have the same trace id. */
  readonly log?: (line: LogLine) => boolean;
  /** The fault itself prevents the export of the span. */
  readonly spanLost?: true;
  readonly end: (stack: Stack, around: Around) => Promise<void> | void;
  /** Restores the normal state after the fault, if the service does not recover without it. */
  readonly recover?: (stack: Stack, token: string) => Promise<unknown>;
};

export const traceOf = (answer: { readonly headers: Headers }): string | undefined =>
  answer.headers.get('x-trace-id') ?? undefined;
