import type { Reader } from '#src/kernel/ports/unit-of-work.ts';

export type EventReadsDeps = { readonly reader: Reader };

/** @returns the ids of the oldest events that are not distributed, up to 1,000 */
export type FindWaitingEvents = () => Promise<readonly string[]>;

export const createEventReads =
  ({ reader }: EventReadsDeps): FindWaitingEvents =>
  async () => {
    const rows = await reader.query<{ id: string }>(
      'select id from webhook_event where fanned_out_at is null order by id limit 1000',
    );
    return rows.map(({ id }) => id);
  };
