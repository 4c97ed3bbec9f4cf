import type { TaggedSecrets } from '#src/kernel/credentials/tagged-secrets.ts';

/** A token names its family in 22 characters before the secret of 43. Tokens of earlier versions have only the secret. */
const form = /^vwr_([\w-]{22})?[\w-]{43}$/;
const prefix = 'vwr_';

export const isRefreshTokenForm = (token: string): boolean => form.test(token);

export const newRefreshToken = (taggedSecrets: TaggedSecrets, familyId: string): string =>
  taggedSecrets.create(`${prefix}${Buffer.from(familyId.replaceAll('-', ''), 'hex').toString('base64url')}`);

/** @returns the id of the family that a token of this service names; undefined for other tokens */
export const familyNamedBy = (taggedSecrets: TaggedSecrets, token: string): string | undefined => {
  const named = form.exec(token)?.[1];
  // The tag covers the name, so nobody can make a token that names a family of somebody else.
  if (named === undefined || !taggedSecrets.isOurs(token)) return undefined;
  const hex = Buffer.from(named, 'base64url').toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};
