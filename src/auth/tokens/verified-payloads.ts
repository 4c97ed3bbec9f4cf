import { hash } from 'node:crypto';
import type { VerifyingKey } from '../keys/signing-key.ts';

export type VerifiedPayloads = {
  /** The payload of this token, if its signature by this key was verified before. */
  readonly of: (key: VerifyingKey, token: string) => Uint8Array | undefined;
  readonly add: (key: VerifyingKey, token: string, payload: Uint8Array) => void;
};

/** About 4 MB with payloads of usual tokens. */
const maxPerKey = 4_096;
/** A token of a client or user has 600 to 900 bytes. Those of an identity provider can be longer. */
const maxTokenCharacters = 2_048;

/**
 * Remembers which signatures were verified, because WebCrypto verifies each one in a helper thread: 0.3 to 0.7 ms of the event loop for the way
 * there and back while the processors are busy, and a turn of it. Everything else of a token is checked at each request: header, key, claims, times, and
 * whether it is revoked. It is by key, so a key that is taken away or replaced takes its tokens along. The digest stands for the token,
 * which is a secret. See docs/decisions/0340.
 */
export const createVerifiedPayloads = (): VerifiedPayloads => {
  const byKey = new WeakMap<VerifyingKey, Map<string, Uint8Array>>();
  const digestOf = (token: string): string => hash('sha256', token, 'base64');
  return {
    of: (key, token) => (token.length > maxTokenCharacters ? undefined : byKey.get(key)?.get(digestOf(token))),
    add: (key, token, payload) => {
      if (token.length > maxTokenCharacters) return;
      const payloads = byKey.get(key) ?? new Map<string, Uint8Array>();
      byKey.set(key, payloads);
      const [oldest] = payloads.size >= maxPerKey ? payloads.keys() : [];
      if (oldest !== undefined) payloads.delete(oldest);
      payloads.set(digestOf(token), payload);
    },
  };
};
