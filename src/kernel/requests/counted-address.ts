import { isIPv6 } from 'node:net';

const networkGroups = 4;

/**
 * Returns the address that limits count by: an IPv4 address, or the /64 network of an IPv6 address. A subscriber gets
 * at least a /64 network (RFC 6177), so a limit per IPv6 address would be no limit.
 */
export const countedAddress = (address: string): string => {
  // Most addresses have no colon, and this check is faster.
  if (!address.includes(':') || !isIPv6(address)) return address;
  const [plain = ''] = address.toLowerCase().split('%');
  const [left = '', right] = plain.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  // An IPv4 address at the end has the length of two groups. Their values do not matter, because they are in the lower
  // half.
  const tailLength = tail.length + (tail.at(-1)?.includes('.') ? 1 : 0);
  const gap = right === undefined ? 0 : 8 - head.length - tailLength;
  const groups = [...head, ...Array<string>(gap).fill('0'), ...tail].slice(0, networkGroups);
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`;
};
