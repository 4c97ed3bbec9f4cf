import { generateKeyPairSync, randomBytes } from 'node:crypto';

// DER, as far as certificates need it.

const lengthOf = (bytes: number): Buffer =>
  Buffer.from(bytes < 128 ? [bytes] : bytes < 256 ? [0x81, bytes] : [0x82, bytes >> 8, bytes & 255]);
const element = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
};
const sequence = (...parts: readonly Buffer[]): Buffer => element(0x30, ...parts);
const integer = (bytes: Buffer): Buffer =>
  element(2, (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
const bits = (content: Buffer): Buffer => element(3, Buffer.from([0]), content);
const identifier = (hex: string): Buffer => Buffer.from(hex, 'hex');

const commonName = identifier('0603550403');
const rsaWithSha256 = sequence(identifier('06092a864886f70d01010b0500'));
const rsa = sequence(identifier('06092a864886f70d0101010500'));
const isAuthority = element(
  0xa3,
  sequence(sequence(identifier('0603551d13'), element(4, sequence(element(1, Buffer.from([255])))))),
);
const validity = sequence(...['200101000000Z', '400101000000Z'].map((time) => element(0x17, Buffer.from(time))));

const nameOf = (text: string): Buffer =>
  sequence(element(0x31, sequence(commonName, element(0x0c, Buffer.from(text)))));

/** 3,072 random bits, odd, with this first byte. */
const large = (first: number): Buffer => {
  const bytes = randomBytes(384);
  bytes[0] = first;
  bytes[383]! |= 1;
  return bytes;
};

const certificate = (subject: string, issuer: string, key: Buffer, extensions: readonly Buffer[]): string => {
  const [version, serial] = [element(0xa0, integer(Buffer.from([2]))), integer(Buffer.from([1]))];
  const signed = sequence(
    version,
    serial,
    rsaWithSha256,
    nameOf(issuer),
    validity,
    nameOf(subject),
    key,
    ...extensions,
  );
  const der = sequence(signed, rsaWithSha256, bits(large(1)));
  const lines = der.toString('base64').match(/.{1,64}/g)!;
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
};

/**
 * A chain of certificates that nobody signed, with RSA keys whose exponent is as long as their modulus. A client calculates each of the signatures before it
 * refuses the chain: 70 of them take 0.3 s.
 */
export const longChain = (count: number): { readonly cert: string; readonly key: string } => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const chain = [certificate('leaf', 'issuer 0', publicKey.export({ type: 'spki', format: 'der' }), [])];
  for (let index = 0; index < count; index += 1) {
    const key = sequence(rsa, bits(sequence(integer(large(0xff)), integer(large(0x7f)))));
    chain.push(certificate(`issuer ${index}`, `issuer ${index + 1}`, key, [isAuthority]));
  }
  return { cert: chain.join(''), key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
};
