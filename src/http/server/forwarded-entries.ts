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

/**
 * The elements of a list, the last one first. A proxy adds its own at the end, and a client can write anything before it, so a reader that
 * stops early must not take the time for all of them. Empty elements mean nothing (RFC 9110, section 5.6.1).
 */
const elementsFromEnd = function* (header: string): Generator<string, void, undefined> {
  for (let end = header.length; end >= 0;) {
    const comma = end === 0 ? -1 : header.lastIndexOf(',', end - 1);
    const element = header.slice(comma + 1, end);
    if (element.trim() !== '') yield element;
    end = comma;
  }
};

/** The entries of `X-Forwarded-For`, the last one first. */
export const forwardedForEntries = elementsFromEnd;

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

/** Max characters of an element that is looked at. Proxies write some 100. */
const maxElementCharacters = 1_024;

/**
 * The `for` parameters of `Forwarded` (RFC 7239), one for each element, the last one first. An element without one, or with several, gives
 * an entry that is no address, because its proxy did not say whom it served.
 *
 * Commas inside of quotes separate elements too. No address contains one, and a client could otherwise open a quote that
 * hides the element which the proxy adds after it.
 */
export const forwardedEntries = function* (header: string): Generator<string, void, undefined> {
  for (const element of elementsFromEnd(header)) {
    const parameters = element.length > maxElementCharacters ? [] : element.split(';');
    const found = parameters.flatMap((each) => {
      const value = forValueOf(each);
      return value === undefined ? [] : [value];
    });
    yield found.length === 1 ? (found[0] ?? noAddress) : noAddress;
  }
};
