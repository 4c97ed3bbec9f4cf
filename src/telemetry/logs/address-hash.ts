import { createHmac, randomBytes } from 'node:crypto';

const cachedAddresses = 10_000;

export type AddressHash = (address: string) => string;

/**
 * A keyed hash of an address for log lines. The key is random and lives as long as the process: lines of one client
 * can be grouped, and nobody can find the address by trying all of them.
 */
export const createAddressHash = (): AddressHash => {
  const key = randomBytes(32);
  const hashes = new Map<string, string>();
  return (address) => {
    const known = hashes.get(address);
    if (known !== undefined) return known;
    if (hashes.size >= cachedAddresses) hashes.clear();
    const hash = createHmac('sha256', key).update(address).digest('hex').slice(0, 16);
    hashes.set(address, hash);
    return hash;
  };
};
