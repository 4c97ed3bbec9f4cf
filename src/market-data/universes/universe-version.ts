import type { StoredUniverse } from './universe-rows.ts';

/**
 * A version as `If-Match` names it. A universe that was deleted and created again begins with version 1, so the tags of answers
 * have the time of the creation too. A caller who writes the tag from the member `version` does not know it.
 */
export type UniverseVersion = { readonly version: number; readonly created: string | undefined };

const createdOf = ({ created_at: at }: Pick<StoredUniverse, 'created_at'>): string => Date.parse(at).toString(36);

/** The entity tag of a universe: version and creation. */
export const tagOfUniverse = (universe: Pick<StoredUniverse, 'version' | 'created_at'>): string =>
  `"${universe.version}.${createdOf(universe)}"`;

/** The version in the text of a tag: `3`, `3.CREATED` or `3.CREATED-DIGEST`. Undefined for another text. */
export const readUniverseVersion = (tag: string): UniverseVersion | undefined => {
  const [, version, created] = /^(\d{1,9})(?:\.([0-9a-z]{1,12}))?(?:-[\w-]+)?$/.exec(tag) ?? [];
  return version === undefined ? undefined : { version: Number(version), created };
};

export const isVersionOf = (
  { version, created }: UniverseVersion,
  stored: Pick<StoredUniverse, 'version' | 'created_at'>,
): boolean => version === stored.version && (created === undefined || created === createdOf(stored));
