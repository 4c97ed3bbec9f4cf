import type { JsonShapeLimits } from '#src/kernel/requests/json-shape.ts';
import type { ExpansionLimits } from '../admission/receive.ts';
import type { HeadLimits } from './request-head.ts';

/** What a request may ask for. */
export type Limits = HeadLimits & {
  readonly bodyLimitBytes: number;
  readonly batchBodyLimitBytes: number;
  /** Body of one chunk of a pricing job. */
  readonly chunkBodyLimitBytes: number;
  readonly expansion: ExpansionLimits;
  /** Structure of a JSON body that is parsed here. */
  readonly jsonShape: JsonShapeLimits;
  /** Max names in a query or a form. */
  readonly queryParameters: number;
  /** Bytes of an unread body that are read and thrown away. */
  readonly discardBytes: number;
  /** How long a handler may go on before its signal is aborted. */
  readonly requestDeadlineMs: number;
};
