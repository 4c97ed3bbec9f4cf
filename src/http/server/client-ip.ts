import { BlockList, isIP } from 'node:net';
import { type Logger, silentLogger } from '#src/kernel/ports/logger.ts';
import { forwardedEntries, forwardedForEntries, readAddress } from './forwarded-entries.ts';

/** `either`: `X-Forwarded-For` if it is there, else `Forwarded`. */
type ProxyHeader = 'either' | 'x-forwarded-for' | 'forwarded';

export type ForwardedHeaders = {
  readonly 'x-forwarded-for'?: string | string[] | undefined;
  readonly forwarded?: string | string[] | undefined;
};

/** What is needed of a request. Node makes the map of all header fields when `headers` is read first, which takes as long as a parse. */
type ForwardedRequest = {
  readonly headers: ForwardedHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
};

export type ClientIp = (request: ForwardedRequest) => string;

export type ClientIpOptions = {
  /** Addresses or CIDRs. */
  readonly trustedProxies: readonly string[];
  readonly header?: ProxyHeader;
  readonly logger?: Logger;
};

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
const joined = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join(',') : value;

/** Max addresses of peers that are remembered. */
const maxPeers = 1_000;

/** Reads addresses of peers. An IPv4 address that is mapped to IPv6 takes 2 microseconds to read, so it is remembered. */
const rememberAddresses = (): ((peer: string) => string) => {
  const known = new Map<string, string>();
  return (peer) => {
    const before = known.get(peer);
    if (before !== undefined) return before;
    if (known.size >= maxPeers) known.clear();
    const address = readAddress(peer) ?? '';
    known.set(peer, address);
    return address;
  };
};

/**
 * Finds the address of the client. It is the address of the peer. When the peer is a trusted proxy, it is the last
 * address in the header of the proxies that is not a trusted proxy. The addresses left of it are not used, because the
 * client can write anything there. At an entry that is no address the search ends with the proxy that sent it.
 * @throws Error for a trusted proxy of another form
 */
export const createClientIp = ({
  trustedProxies,
  header = 'either',
  logger = silentLogger,
}: ClientIpOptions): ClientIp => {
  const isTrusted = createIsTrustedProxy(trustedProxies);
  const addressOf = rememberAddresses();
  const warned = new Set<string>();
  /** One line for each header, because every request of that proxy has such an entry. Its text may be anything. */
  const warn = (name: string): void => {
    if (warned.has(name)) return;
    warned.add(name);
    logger.warn(
      { header: name },
      'a trusted proxy sends an address that cannot be read: its clients share the address of the proxy',
    );
  };

  const hopsOf = (headers: ForwardedHeaders): { readonly name: string; readonly entries: Iterable<string> } => {
    const forwardedFor = header === 'forwarded' ? undefined : joined(headers['x-forwarded-for']);
    if (forwardedFor !== undefined) return { name: 'x-forwarded-for', entries: forwardedForEntries(forwardedFor) };
    const forwarded = header === 'x-forwarded-for' ? undefined : joined(headers.forwarded);
    return { name: 'forwarded', entries: forwarded === undefined ? [] : forwardedEntries(forwarded) };
  };

  return (request) => {
    let client = addressOf(request.socket.remoteAddress ?? '');
    if (trustedProxies.length === 0 || !isTrusted(client)) return client;
    const { name, entries } = hopsOf(request.headers);
    for (const entry of entries) {
      const address = readAddress(entry);
      if (address === undefined) {
        warn(name);
        break;
      }
      client = address;
      if (!isTrusted(client)) break;
    }
    return client;
  };
};

/** @param trustedProxies addresses or CIDRs @throws Error for anything else */
export const createIsTrustedProxy = (trustedProxies: readonly string[]): ((address: string) => boolean) => {
  const trusted = new BlockList();
  for (const entry of trustedProxies) {
    const [text = '', prefix] = entry.split('/');
    const address = isIP(text) === 0 ? undefined : readAddress(text);
    if (address === undefined) throw new Error(`Not an address or CIDR: ${entry}`);
    const isMapped = isIP(text) === 6 && isIP(address) === 4;
    if (prefix === undefined) trusted.addAddress(address, familyOf(address));
    // A prefix of mapped addresses that is shorter than 96 covers more than IPv4.
    else if (isMapped && Number(prefix) < 96) trusted.addSubnet(text, Number(prefix), 'ipv6');
    else trusted.addSubnet(address, isMapped ? Number(prefix) - 96 : Number(prefix), familyOf(address));
  }
  return (text) => {
    const address = readAddress(text);
    return address !== undefined && trusted.check(address, familyOf(address));
  };
};
