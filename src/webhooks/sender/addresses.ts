import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';

/**
 * Networks that are not globally reachable (https://www.iana.org/assignments/iana-ipv4-special-registry), and multicast.
 */
const nonPublic = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Link-local. Metadata services of clouds are here.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  nonPublic.addSubnet(network, bits, 'ipv4');
}
// Azure's platform service for virtual machines. The address is public by its form.
nonPublic.addAddress('168.63.129.16', 'ipv4');

/** All global IPv6 addresses are in 2000::/3. Teredo and 6to4 embed IPv4 addresses, so they are not public here. */
const global = new BlockList();
global.addSubnet('2000::', 3, 'ipv6');
for (const [network, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  nonPublic.addSubnet(network, bits, 'ipv6');
}

/** Whether an IP address belongs to the public internet. An IPv6 address that embeds an IPv4 address does not. */
export const isPublicAddress = (address: string): boolean =>
  isIP(address) === 6
    ? global.check(address, 'ipv6') && !nonPublic.check(address, 'ipv6')
    : isIP(address) === 4 && !nonPublic.check(address, 'ipv4');

/** The host of a URL when it is an IP address. Undefined: the host is a name. */
export const addressIn = ({ hostname }: URL): string | undefined => {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return isIP(bare) === 0 ? undefined : bare;
};

export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
  constructor(message = 'The receiver has an address that is not public') {
    super(message);
  }
}

export type NameResolver = Pick<Resolver, 'resolve4' | 'resolve6'>;

/**
 * Sends DNS queries itself. `dns.lookup` would occupy a thread of the libuv pool, which token verification needs, until
 * a name server answers.
 */
const createResolver = (): NameResolver => new Resolver({ timeout: 2_000, tries: 2 });

/**
 * Max addresses of each family that are used. A DNS answer has room for 2,339 IPv6 addresses, and `node:net` tries them in one recursion when each fails at
 * once, as on a machine without a route for IPv6: 80 ms in which nothing else runs.
 */
const maxAddresses = 8;

const resolveAll = async (resolver: NameResolver, hostname: string): Promise<LookupAddress[]> => {
  const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  const found: LookupAddress[] = [
    ...(four.status === 'fulfilled'
      ? four.value.slice(0, maxAddresses).map((address) => ({ address, family: 4 }))
      : []),
    ...(six.status === 'fulfilled' ? six.value.slice(0, maxAddresses).map((address) => ({ address, family: 6 })) : []),
  ];
  if (found.length === 0 && four.status === 'rejected') throw four.reason;
  if (found.length === 0 || !found.every(({ address }) => isPublicAddress(address))) throw new AddressRefusedError();
  return found;
};

/**
 * Resolves a name for one connection and refuses it unless the addresses that are used, the first ones, are public. The connection uses the checked
 * addresses, so a name whose addresses change between check and connection (DNS rebinding) reaches nothing.
 */
export const createPublicLookup =
  (resolver = createResolver()): LookupFunction =>
  (hostname, options, callback) =>
    callbackify(resolveAll)(resolver, hostname, (error, found) => {
      if (error) callback(error, []);
      else if (options.all) callback(null, found);
      else callback(null, found[0]!.address, found[0]!.family);
    });
