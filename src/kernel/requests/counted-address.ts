import { isIPv6 } from 'node:net';

const networkGroups = 4;
/** So a socket that listens for both families shows the address of an IPv4 client. */
const mappedAddress = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * Returns the address that limits count by: an IPv4 address, or the /64 network of an IPv6 address. A subscriber gets
 * at least a /64 network (RFC 6177), so a limit per IPv6 address would be no limit.
 */
export const countedAddress = (address: string): string => {
  // Most addresses have no colon, and this check is faster.
  if (!address.includes(':') || !isIPv6(address)) return address;
  const mapped = mappedAddress.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
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

/** Returns the /24 network of a counted IPv4 address, or the /48 network of a counted IPv6 network. One site can have all of it. */
export const siteNetwork = (counted: string): string =>
  counted.includes(':')
    ? `${counted.split(':').slice(0, 3).join(':')}::/48`
    : `${counted.slice(0, counted.lastIndexOf('.'))}.0/24`;

/**
 * Returns the network whose addresses one site can have: an IPv4 address, or the /48 network of an IPv6 address. For limits of what is stored
 * or queued for some time, because a site could use each of its /64 networks for a limit of its own.
 */
export const countedSite = (address: string): string => {
  const counted = countedAddress(address);
  return counted.includes(':') ? siteNetwork(counted) : counted;
};
