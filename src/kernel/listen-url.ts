import { isIPv6 } from 'node:net';

/** A server that listens on all addresses is reached on loopback too, and no client can connect to "all addresses". */
const loopbackOf: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** The URL of a server on this machine that listens on `host`. */
export const listenUrl = (host: string, port: number): string => {
  const address = loopbackOf[host] ?? host;
  // A zone (`fe80::1%eth0`) has no place in a URL.
  return `http://${isIPv6(address) ? `[${address.replace(/%.*/, '')}]` : address}:${port}`;
};
