import { isIP } from 'node:net';
import { z } from 'zod';

const maxCharacters = 4_096;

/** Refuses a line break at the end: it often remains when a secret is read from a file into a variable. */
const isLine = (value: string): boolean =>
  value.length <= maxCharacters && value.trim() === value && /^\P{Cc}+$/u.test(value);

/** Text on one line. */
export const text = z
  .string()
  .refine(
    isLine,
    `must be one line of 1 to ${maxCharacters} characters, without control characters and without spaces at its start or end`,
  );

export const secretText = (minCharacters: number) =>
  z
    .string()
    .refine(
      (value) => value.length >= minCharacters && isLine(value),
      `must be one line of ${minCharacters} to ${maxCharacters} characters, without control characters and without spaces at its start or end`,
    );

const hostName = /^(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?\.)*[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?\.?$/;

/** IP address or host name on which a server listens. */
export const host = z
  .string()
  .refine(
    (value) => isIP(value) !== 0 || hostName.test(value),
    'must be an IP address or a host name such as 0.0.0.0, :: or localhost, without port and without brackets',
  );

export const privateKey = z
  .string()
  .refine(
    (value) => value.includes('-----BEGIN PRIVATE KEY-----'),
    'must be an unencrypted PKCS#8 PEM (BEGIN PRIVATE KEY)',
  );

export const publicKeys = z
  .string()
  .refine(
    (value) => value.trimStart().startsWith('{') || value.includes('-----BEGIN '),
    'must be an SPKI PEM (BEGIN PUBLIC KEY) or a JWKS',
  );
