const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const buckets = 65_536;
const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * Whether a JSON text has more than about `max` different member names, by their hashes. A parser keeps each name and a
 * description of each set of names: millions of them take it most of a minute and most of a gigabyte. The hash has a random
 * key, so that nobody can choose names with equal hashes.
 */
export const hasMoreNames = (json: Uint8Array, max: number): boolean => {
  const seen = new Uint8Array(buckets);
  const key = Math.floor(Math.random() * 2 ** 31) * 2 + 1;
  let count = 0;
  for (let index = 0; index < json.length; index += 1) {
    if (json[index] !== quote) continue;
    let hash = key;
    for (index += 1; index < json.length && json[index] !== quote; index += 1) {
      if (json[index] === backslash) index += 1;
      hash = Math.imul(hash ^ json[index]!, key);
      hash ^= hash >>> 15;
    }
    let next = index + 1;
    while (isSpace(json[next])) next += 1;
    if (json[next] !== colon) continue;
    const bucket = (hash ^ (hash >>> 16)) & (buckets - 1);
    if (seen[bucket] === 1) continue;
    seen[bucket] = 1;
    count += 1;
    if (count > max) return true;
  }
  return false;
};
