import { apiKeyPrefix, endedSubjects, type EndedKeys } from '#src/kernel/credentials/ended-subjects.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';

/**
 * Removes the jobs of API keys that have ended, with their data: nobody can read them any more, and they use the quota of
 * their owner.
 * @returns the number of jobs
 */
export type RemoveJobsOfEndedKeys = (query: Query, owner?: string) => Promise<number>;

export type RemoveJobsOfEndedKeysDeps = {
  readonly endedKeys: EndedKeys;
};

export const createRemoveJobsOfEndedKeys =
  ({ endedKeys }: RemoveJobsOfEndedKeysDeps): RemoveJobsOfEndedKeys =>
  async (query, owner) => {
    const found = await query<{ subject: string }>(
      `select distinct subject from pricing_job
       where subject like '${apiKeyPrefix.replace('_', String.raw`\_`)}%' and ($1::text is null or owner = $1)`,
      [owner ?? null],
    );
    if (found.length === 0) return 0;
    const subjects = found.map(({ subject }) => subject);
    const ended = await endedSubjects(query, subjects, endedKeys);
    if (ended.length === 0) return 0;
    // SQL, because one statement removes any number of jobs with their chunks.
    const removed = await query('delete from pricing_job where subject = any($1::text[]) returning 1', [ended]);
    return removed.length;
  };
