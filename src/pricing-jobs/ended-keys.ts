import { apiKeyPrefix, endedSubjects, type EndedKeys } from '#src/kernel/credentials/ended-subjects.ts';
import { countRemoved, removePart } from '#src/kernel/lists/removal.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { jobsPerPart } from './retention.ts';

/**
 * Removes the jobs of API keys that have ended, with their data: nobody can read them any more, and they use the quota of
 * their owner. Without an owner a part is removed, so it is called until it returns 0.
 * @returns the number of jobs
 */
export type RemoveJobsOfEndedKeys = (query: Query, owner?: string) => Promise<number>;

export type RemoveJobsOfEndedKeysDeps = {
  readonly endedKeys: EndedKeys;
};

const isOfSubjects = 'subject = any($1::text[])';

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
    // SQL: one statement removes many jobs with their chunks. An owner has a max of jobs, and needs the places of all of them at once. The jobs of all owners are removed in parts.
    return owner === undefined
      ? removePart(query, { table: 'pricing_job', where: isOfSubjects, rows: jobsPerPart }, [ended])
      : countRemoved(query, `delete from pricing_job where ${isOfSubjects}`, [ended]);
  };
