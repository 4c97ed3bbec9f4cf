import { randomUUID } from 'node:crypto';
import { timingParts, type RequestContext, type TimingPart } from '#src/kernel/requests/request-context.ts';
import { uuidv7 } from '#src/kernel/ids.ts';

const requestIdPattern = /^[A-Za-z0-9._-]{1,128}$/;
const traceparentPattern = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;

/** The `X-Request-ID` of the caller when it is well-formed, else a new UUIDv7. */
export const requestIdFrom = (header: string | string[] | undefined): string =>
  typeof header === 'string' && requestIdPattern.test(header) ? header : uuidv7();

export const randomTraceId = (): string => randomUUID().replaceAll('-', '');

/** The trace id when no tracer is registered: the id of the caller's `traceparent`, else a random one. */
export const traceIdFrom = (traceparent: string | string[] | undefined): string =>
  (typeof traceparent === 'string' ? traceparentPattern.exec(traceparent)?.[1] : undefined) ?? randomTraceId();

/** The value of `Server-Timing` in milliseconds: `total`, and the parts that were measured. @param total milliseconds */
export const serverTiming = (total: number, timings: RequestContext['timings']): string => {
  let value = `total;dur=${total.toFixed(2)}`;
  for (const part of timingParts) {
    const spent: number | undefined = timings[part satisfies TimingPart];
    if (spent !== undefined) value += `, ${part};dur=${spent.toFixed(2)}`;
  }
  return value;
};
