import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';

export const notFound = (): AppError => new AppError('resource_not_found', 'There is no such webhook');

export /** An API key has no webhooks, because a webhook made with a leaked key would outlive the key. */
const ownerOf = ({ kind, subject }: Principal): readonly [kind: 'user' | 'client', id: string] => {
  if (kind === 'api_key') throw new AppError('scope_insufficient', 'An API key cannot manage webhooks');
  return [kind, subject];
};
