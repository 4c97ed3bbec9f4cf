import type { Clock } from '../ports/clock.ts';
import type { LogFields, Logger } from '../ports/logger.ts';
import { createOmittedLines } from './omitted-lines.ts';

export type RepeatedLinesDeps = { readonly clock: Pick<Clock, 'monotonic'>; readonly logger: Logger };

/** A warning. `state` is what the lines have in common; it must be one of few, because each has a count. */
export type RepeatedLines = (state: string, fields: LogFields, message: string) => void;

const windowMs = 60_000;
/** Lines of a state in a minute. Some are kept, because each has the ids of its request. */
const maxLines = 30;

type Window = { readonly endsAt: number; readonly omit: (tellAfterMs: number) => void; written: number };

/**
 * Warnings about a state that lasts, such as an outage of PostgreSQL, of which each request writes one. Each warning is flushed
 * at once, and 2,000 in a second hide the first one. At the end of a minute in which lines were left out, one line has their
 * number.
 */
export const createRepeatedLines = ({ clock, logger }: RepeatedLinesDeps): RepeatedLines => {
  const windows = new Map<string, Window>();

  return (state, fields, message) => {
    const now = clock.monotonic();
    let window = windows.get(state);
    if (!window || now >= window.endsAt) {
      const omit = createOmittedLines((omitted) =>
        logger.warn({ state, omitted, of: message }, 'lines of a state were left out'),
      );
      window = { endsAt: now + windowMs, omit, written: 0 };
      windows.set(state, window);
    }
    if (window.written < maxLines) {
      window.written += 1;
      logger.warn(fields, message);
      return;
    }
    window.omit(window.endsAt - now);
  };
};
