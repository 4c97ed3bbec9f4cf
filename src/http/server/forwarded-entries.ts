import { isIP, SocketAddress } from 'node:net';

const mappedPrefix = '::ffff:';
/** A port, or the hidden port of RFC 7239. */
const port = /^:(\d{1,5}|_[\w.-]+)$/;

/**
 * Reads an address in any notation that proxies write: with a port, in brackets, with a zone, and an IPv4 address mapped
 * to IPv6 in any form (`::ffff:192.0.2.1`, `::FFFF:C000:201`, `0:0:0:0:0:ffff:c000:201`).
 * @returns the usual notation of the address, IPv4 where it is mapped; undefined if the text is no address
 */
export const readAddress = (text: string): string | undefined => {
  const plain = text.trim();
  if (isIP(plain) === 4) return plain;
  const [, bracketed, afterBracket = ''] = /^\[([^\]]*)\](.*)$/.exec(plain) ?? [];
  if (bracketed !== undefined) {
    return isIP(bracketed) === 6 && (afterBracket === '' || port.test(afterBracket)) ? canonical(bracketed) : undefined;
  }
  if (isIP(plain) !== 0) return canonical(plain);
  const colon = plain.indexOf(':');
  const address = plain.slice(0, colon);
  return colon > 0 && isIP(address) === 4 && port.test(plain.slice(colon)) ? address : undefined;
};

const canonical = (address: string): string => {
  if (isIP(address) === 4) return address;
  const [withoutZone = ''] = address.split('%');
  const written = new SocketAddress({ address: withoutZone, family: 'ipv6' }).address;
  const mapped = written.startsWith(mappedPrefix) ? written.slice(mappedPrefix.length) : '';
  return isIP(mapped) === 4 ? mapped : written;
};

/** Empty elements of a list mean nothing (RFC 9110, section 5.6.1). */
const elementsOf = (header: string): readonly string[] => header.split(',').filter((each) => each.trim() !== '');

/** The entries of `X-Forwarded-For`. */
export const forwardedForEntries = elementsOf;

const noAddress = '';
/** Two blanks that meet around an empty value would take quadratic time, so the value is trimmed and not matched with blanks. */
const forParameter = /^for\s*=(.*)$/is;
const quotedText = /^"([^"]*)"$/;

/** The value of a `for` parameter; undefined if `text` is another parameter or is malformed. */
const forValueOf = (text: string): string | undefined => {
  const value = forParameter.exec(text.trim())?.[1]?.trim();
  if (value === undefined) return undefined;
  const quoted = quotedText.exec(value)?.[1];
  if (quoted !== undefined) return quoted;
  return /["\s]/.test(value) ? undefined : value;
};

/**
 * The `for` parameters of `Forwarded` (RFC 7239), one for each element. An element without one, or with several, gives an
 * entry that is no address, because its proxy did not say whom it served.
 *
 * Commas inside of quotes separate elements too. No address contains one, and a client could otherwise open a quote that
 * hides the element which the proxy adds after it.
 */
export const forwardedEntries = (header: string): readonly string[] =>
  elementsOf(header).map((element) => {
    const found = element.split(';').flatMap((each) => {
      const value = forValueOf(each);
      return value === undefined ? [] : [value];
    });
    return found.length === 1 ? (found[0] ?? noAddress) : noAddress;
  });
