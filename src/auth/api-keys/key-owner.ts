import type { Owner } from '#src/kernel/ports/owners.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { scopeInsufficient } from '../tokens/token-refusal.ts';

export /** A key must not manage keys, because a leaked key could create another key that survives the revocation. */
const ownerOf = ({ kind, subject, scopes }: Principal): Owner => {
  if (kind === 'api_key') throw scopeInsufficient(scopes, 'An API key cannot manage API keys');
  return { kind, id: subject };
};
