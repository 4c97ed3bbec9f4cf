import type { JsonShapeLimits } from '#src/kernel/requests/json-shape.ts';
import type { ExpansionLimits } from '../admission/receive.ts';
import type { StreamLimits } from '../admission/stream-body.ts';
import type { HeadLimits } from './request-head.ts';

/** Limits of a single request. */
export type Limits = HeadLimits & {
  /** Max bytes of a body after decompression. */
  readonly bodyLimitBytes: number;
  /** The same for routes with `bodyLimit: 'document'`. */
  readonly documentBodyLimitBytes: number;
  /** The same for routes with `bodyLimit: 'batch'`. */
  readonly batchBodyLimitBytes: number;
  /** Body of one chunk of a pricing job. */
  readonly chunkBodyLimitBytes: number;
  /** Bodies of routes with `streamBody`. */
  readonly stream: StreamLimits & { readonly timeoutMs: number };
  readonly expansion: ExpansionLimits;
  /** Max depth and number of members of a JSON body. */
  readonly jsonShape: JsonShapeLimits;
  /** Max number of names in a query or a form. */
  readonly queryParameters: number;
  /** Max bytes of an unread body that are read and discarded, so that the connection can be reused. */
  readonly discardBytes: number;
  /** The signal of a request is aborted after this time. */
  readonly requestDeadlineMs: number;
};
