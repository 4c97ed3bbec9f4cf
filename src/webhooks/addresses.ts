import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';

/** Of https://www.iana.org/assignments/iana-ipv4-special-registry what is not globally reachable, and multicast. */
const hidden = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Link-local, cloud metadata among it.
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
  hidden.addSubnet(network, bits, 'ipv4');
}
// What Azure answers its machines from, metadata's neighbour.
hidden.addAddress('168.63.129.16', 'ipv4');

/** Everything global is in 2000::/3; of it, not what stands for IPv4 addresses (Teredo, 6to4) or for documentation. */
const global = new BlockList();
global.addSubnet('2000::', 3, 'ipv6');
for (const [network, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  hidden.addSubnet(network, bits, 'ipv6');
}

/** Whether an IP address is one of the public internet. IPv4 inside IPv6 is not. */
export const isPublicAddress = (address: string): boolean =>
  isIP(address) === 6
    ? global.check(address, 'ipv6') && !hidden.check(address, 'ipv6')
    : isIP(address) === 4 && !hidden.check(address, 'ipv4');

/** The address in a URL's host, when it is one; names are looked up. */
export const addressIn = ({ hostname }: URL): string | undefined => {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return isIP(bare) === 0 ? undefined : bare;
};

export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
  constructor() {
    super('The receiver has an address that is not public');
  }
}

export type NameResolver = Pick<Resolver, 'resolve4' | 'resolve6'>;

/** Asks name servers itself: `dns.lookup` would hold a thread that verifying tokens needs, for as long as they like. */
const createResolver = (): NameResolver => new Resolver({ timeout: 2_000, tries: 2 });

const resolveAll = async (resolver: NameResolver, hostname: string): Promise<LookupAddress[]> => {
  const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  const found: LookupAddress[] = [
    ...(four.status === 'fulfilled' ? four.value.map((address) => ({ address, family: 4 })) : []),
    ...(six.status === 'fulfilled' ? six.value.map((address) => ({ address, family: 6 })) : []),
  ];
  if (found.length === 0 && four.status === 'rejected') throw four.reason;
  if (found.length === 0 || !found.every(({ address }) => isPublicAddress(address))) throw new AddressRefusedError();
  return found;
};

/**
 * Resolves a name for one connection, to addresses that are all public: what was looked at is what is connected to, so a
 * name that changes its mind gains nothing.
 */
export const createPublicLookup =
  (resolver = createResolver()): LookupFunction =>
  (hostname, options, callback) =>
    callbackify(resolveAll)(resolver, hostname, (error, found) => {
      if (error) callback(error, []);
      else if (options.all) callback(null, found);
      else callback(null, found[0]!.address, found[0]!.family);
    });
