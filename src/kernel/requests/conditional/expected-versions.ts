import { z } from 'zod';
import { boundedText } from '../texts/bounded-text.ts';
import { AppError } from '../../catalogue/errors.ts';
import { strongTags } from '../entity-tags.ts';

/** Headers of a route that changes a versioned resource. */
export const ifMatch = z.object({ 'if-match': boundedText(1_024).optional() });

/** Media types of a body with the changed members only. */
export const mergePatch = ['application/json', 'application/merge-patch+json'];

/** `*` matches any version. */
export type ExpectedVersions = readonly number[] | '*';

/** Adds the digest of an answer to the tag of a version: `"3"` becomes `"3-DIGEST"`. @param digest base64url */
export const versionTag = (tag: string, digest: string): string => `${tag.slice(0, -1)}-${digest}"`;

/** The version in the text of a tag: `3`, or `3-DIGEST` as an answer to GET has it. Undefined for another text. */
const versionOfTag = (tag: string): number | undefined => {
  const version = /^(\d{1,9})(?:-[\w-]+)?$/.exec(tag)?.[1];
  return version === undefined ? undefined : Number(version);
};

/**
 * The versions that an `If-Match` header names.
 * @throws AppError `precondition_required` without a header, `precondition_failed` if it does not contain a version
 */
export const expectedVersions = (header: string | undefined): ExpectedVersions => {
  if (header === undefined) {
    throw new AppError('precondition_required', 'If-Match must contain the version of the resource');
  }
  const tags = strongTags(header);
  if (tags === '*') return tags;
  const versions = tags.map(versionOfTag).filter((version) => version !== undefined);
  if (versions.length === 0) {
    throw new AppError(
      'precondition_failed',
      'If-Match does not contain a version of this resource, such as "3"; a weak tag such as W/"3" never matches',
    );
  }
  return versions;
};

/** @throws AppError `precondition_failed` if the stored version is not an expected one */
export const assertVersion = (versions: ExpectedVersions, stored: number): void => {
  if (versions === '*' || versions.includes(stored)) return;
  throw new AppError('precondition_failed', 'The version does not match. Read the resource again and use its version');
};
