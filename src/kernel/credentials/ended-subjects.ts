import type { Query } from '../ports/unit-of-work.ts';

/** Returns those of the API keys that are revoked, expired or deleted. */
export type EndedKeys = (query: Query, ids: readonly string[]) => Promise<readonly string[]>;

/** The start of each subject that is an API key. */
export const apiKeyPrefix = 'api_key:';

/** Returns those of `subjects`, which are API keys, that have ended. */
export const endedSubjects = async (
  query: Query,
  subjects: readonly string[],
  endedKeys: EndedKeys,
): Promise<readonly string[]> => {
  const ended = await endedKeys(
    query,
    subjects.map((subject) => subject.slice(apiKeyPrefix.length)),
  );
  return ended.map((id) => `${apiKeyPrefix}${id}`);
};
