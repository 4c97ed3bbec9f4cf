import { randomUUID } from 'node:crypto';

/**
 * Returns a UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then 74 random bits. The random bits come
 * from a UUIDv4, because Node generates random bytes for those in advance. This is ten times as fast as 16 new random
 * bytes for each call.
 * @param now Unix milliseconds
 */
export const uuidv7 = (now: number = Date.now()): string => {
  const time = now.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
};

/** The smallest UUIDv7 of a time in Unix milliseconds. */
export const firstUuidv7At = (time: number): string => {
  const hex = time.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
};
