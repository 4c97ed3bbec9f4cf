import { BlockList, isIP } from 'node:net';

const normalise = (address: string): string => {
  const plain = address.trim().replace(/^\[(.*)\]$/, '$1');
  return plain.startsWith('::ffff:') && isIP(plain.slice(7)) === 4 ? plain.slice(7) : plain;
};
const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

export type ClientIp = (peer: string | undefined, forwardedFor: string | undefined) => string;

/**
 * Finds the address of the client. It is the address of the peer. When the peer is a trusted proxy, it is the last
 * address in `X-Forwarded-For` that is not a trusted proxy. The addresses left of it are not used, because the client
 * can write anything there.
 * @param trustedProxies addresses or CIDRs
 * @throws Error for an entry of another form
 */
export const createClientIp = (trustedProxies: readonly string[]): ClientIp => {
  const isTrusted = createIsTrustedProxy(trustedProxies);

  return (peer, forwardedFor) => {
    let client = normalise(peer ?? '');
    if (forwardedFor === undefined || trustedProxies.length === 0) return client;
    const hops = forwardedFor.split(',');
    while (isTrusted(client)) {
      const hop = hops.pop();
      if (hop === undefined || isIP(normalise(hop)) === 0) break;
      client = normalise(hop);
    }
    return client;
  };
};

/** @param trustedProxies addresses or CIDRs @throws Error for anything else */
export const createIsTrustedProxy = (trustedProxies: readonly string[]): ((address: string) => boolean) => {
  const trusted = new BlockList();
  for (const entry of trustedProxies) {
    const [address = '', prefix] = entry.split('/');
    if (isIP(address) === 0) throw new Error(`Not an address or CIDR: ${entry}`);
    if (prefix === undefined) trusted.addAddress(address, familyOf(address));
    else trusted.addSubnet(address, Number(prefix), familyOf(address));
  }
  return (text) => {
    const address = normalise(text);
    return isIP(address) !== 0 && trusted.check(address, familyOf(address));
  };
};
