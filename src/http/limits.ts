import type { HeadLimits } from './request-head.ts';

/** What a request may ask for. */
export type Limits = HeadLimits & {
  readonly bodyLimitBytes: number;
  readonly batchBodyLimitBytes: number;
  /** Deepest nesting of a JSON body. */
  readonly jsonDepth: number;
  /** Most names in a query or a form. */
  readonly queryParameters: number;
  /** How long a handler may go on before its signal is aborted. */
  readonly requestDeadlineMs: number;
};
