import { isIPv6 } from 'node:net';

const groupsOfNetwork = 4;

/**
 * The address to count by: an IPv4 address, or the /64 network of an IPv6 one, which is the least that a subscriber is
 * given (RFC 6177), so that nobody has 2^64 budgets.
 */
export const countedAddress = (address: string): string => {
  if (!isIPv6(address)) return address;
  const [plain = ''] = address.toLowerCase().split('%');
  const [left = '', right] = plain.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  // An IPv4 tail stands for two groups; which ones does not matter here, they are in the lower half.
  const tailLength = tail.length + (tail.at(-1)?.includes('.') ? 1 : 0);
  const gap = right === undefined ? 0 : 8 - head.length - tailLength;
  const groups = [...head, ...Array<string>(gap).fill('0'), ...tail].slice(0, groupsOfNetwork);
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`;
};
