import { addressIn, isPublicAddress } from './sender/addresses.ts';

/** Whether receivers may have a URL without TLS (`allowHttp`), and addresses that are not public. */
export type ReceiverRules = { readonly allowHttp: boolean; readonly privateAddresses: boolean };

/**
 * Ends of names that no public name server answers for: RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC 9476, and `internal`, which
 * ICANN has reserved for private use.
 */
const privateDomains = [
  'localhost',
  'local',
  'internal',
  'home.arpa',
  'test',
  'example',
  'invalid',
  'onion',
  'alt',
] as const;

/** Whether a host name can never have a public address. A name without a dot is one of the own network. */
const isPrivateName = (hostname: string): boolean => {
  // A name may end with a point.
  const labels = hostname
    .toLowerCase()
    .split('.')
    .filter((label) => label !== '');
  const name = labels.join('.');
  return labels.length < 2 || privateDomains.some((domain) => name === domain || name.endsWith(`.${domain}`));
};

/** Ports below this belong to other protocols, such as SSH, SMTP and LDAP. */
const firstFreePort = 1_024;

/**
 * Whether a receiver may have the port of this URL. A `URL` has an empty port for the default one of its protocol. A message
 * to another service would carry bytes that a caller has chosen.
 */
export const isReceiverPort = ({ port }: URL): boolean => port === '' || Number(port) >= firstFreePort;

/** A scheme and a user, a host and a port of usual lengths. `URL` takes time in the square of the characters of a host: 5 ms for 2,000. */
const hasUsualHost = /^\w+:\/\/[^\s/\\?#]{1,512}(?:[/\\?#]|$)/;

/** Why a URL cannot be one of a receiver. Addresses of names are checked at each connection, not here. */
export const receiverFaults = (value: string, { allowHttp, privateAddresses }: ReceiverRules): string[] => {
  const protocols = allowHttp ? ['https:', 'http:'] : ['https:'];
  const url = hasUsualHost.test(value) ? URL.parse(value) : null;
  if (!url || !protocols.includes(url.protocol)) {
    return [`Must be a URL starting with ${protocols.map((each) => `${each}//`).join(' or ')}`];
  }
  const faults: string[] = [];
  if (url.username !== '' || url.password !== '') faults.push('Must not hold credentials');
  if (url.hash !== '') faults.push('Must not have a fragment');
  if (!isReceiverPort(url)) {
    faults.push(`Must have the default port or one from ${firstFreePort} on`);
  }
  if (privateAddresses) return faults;
  const address = addressIn(url);
  if (address === undefined && isPrivateName(url.hostname)) faults.push('Must not have a name that is not public');
  if (address !== undefined && !isPublicAddress(address)) faults.push('Must not have an address that is not public');
  return faults;
};
