import { createHmac, randomBytes } from 'node:crypto';

const maxCached = 10_000;

export type AddressHash = (address: string) => string;

/**
 * Returns a keyed hash of an address for log lines. Lines of one client have the same hash. The key is random and
 * exists only in this process, so the address cannot be found by hashing all addresses.
 */
export const createAddressHash = (): AddressHash => {
  const key = randomBytes(32);
  const hashes = new Map<string, string>();
  return (address) => {
    const known = hashes.get(address);
    if (known !== undefined) return known;
    if (hashes.size >= maxCached) hashes.clear();
    const hash = createHmac('sha256', key).update(address).digest('hex').slice(0, 16);
    hashes.set(address, hash);
    return hash;
  };
};
