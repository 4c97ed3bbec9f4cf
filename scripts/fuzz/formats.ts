import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { arrowType, jsonType, type Transport } from '#src/pricing/batch/prepared-batch.ts';
import { mutateArrow } from './mutate-arrow.ts';
import { byteChanges, createMutate, type Mutate } from './mutate-bytes.ts';
import { mutateText } from './mutate-text.ts';
import { arrowSamples, columnsSamples, objectsSamples } from './samples.ts';

/** A type of input to fuzz. To add one, add an element to `formats`. */
export type FuzzFormat = {
  readonly name: string;
  readonly samples: () => readonly Uint8Array[];
  readonly mutate: Mutate;
  /** The bytes of an HTTP/1.1 request that carries a mutant. */
  readonly request: (mutant: Uint8Array) => Uint8Array;
  /** The transport that opens a batch of this format without HTTP; absent if only the HTTP part reads the format. */
  readonly input?: Transport;
  /** Whether a mutant may change the framing of its request. Such a request may get no answer. */
  readonly changesFraming?: boolean;
};

const host = 'Host: localhost\r\nConnection: close\r\n';
const post = (path: string, type: string, encoding?: string) => (mutant: Uint8Array) => {
  const coded = encoding === undefined ? '' : `Content-Encoding: ${encoding}\r\n`;
  const head = `POST /api/v1${path} HTTP/1.1\r\n${host}Content-Type: ${type}\r\n${coded}Content-Length: ${mutant.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), mutant]);
};
/** Puts a mutant in the middle of a request without a body. */
const within = (before: string, after: string) => (mutant: Uint8Array) =>
  Buffer.concat([Buffer.from(before), mutant, Buffer.from(after)]);
const texts = (samples: readonly string[]) => () => samples.map((text) => Buffer.from(text));

const batch = '/pricing/batch';
const mutateBytes = createMutate(byteChanges);
const compressed = (name: string, compress: (bytes: Uint8Array) => Uint8Array): FuzzFormat => ({
  name,
  samples: () => [...objectsSamples(), ...columnsSamples()],
  // Half of the mutants have wrong compressed bytes, the others have wrong JSON in valid compression.
  mutate: (random, samples) =>
    random.below(2) === 0
      ? compress(mutateText(random, samples))
      : mutateBytes(random, [compress(random.pick(samples)), compress(random.pick(samples))]),
  request: post(batch, jsonType, name),
});

export const formats: readonly FuzzFormat[] = [
  { name: 'arrow', samples: arrowSamples, mutate: mutateArrow, request: post(batch, arrowType), input: 'arrow' },
  { name: 'objects', samples: objectsSamples, mutate: mutateText, request: post(batch, jsonType), input: 'json' },
  { name: 'columns', samples: columnsSamples, mutate: mutateText, request: post(batch, jsonType), input: 'json' },
  {
    name: 'form',
    samples: texts([
      'grant_type=client_credentials&scope=ml%3Aread',
      'grant_type=refresh_token&refresh_token=abc&client_id=desk&client_secret=x',
    ]),
    mutate: mutateText,
    request: post('/auth/token', 'application/x-www-form-urlencoded'),
  },
  compressed('gzip', gzipSync),
  compressed('deflate', deflateSync),
  compressed('br', brotliCompressSync),
  {
    name: 'query',
    samples: texts([
      'from=2010-01-01&to=2010-02-01&limit=3&fields=date,close',
      'limit=1000&cursor=eyJhIjoxfQ&fields=date',
      'limit=5&from=2009-12-31',
    ]),
    mutate: mutateText,
    request: within('GET /api/v1/assets/AAPL/prices?', ` HTTP/1.1\r\n${host}\r\n`),
    changesFraming: true,
  },
  {
    name: 'path',
    samples: texts(['assets/AAPL/prices', 'indexes/TECH5_EW/values', 'market/refreshes/0199a', 'pricing/models']),
    mutate: mutateText,
    request: within('GET /api/v1/', ` HTTP/1.1\r\n${host}\r\n`),
    changesFraming: true,
  },
  {
    name: 'header',
    samples: texts([
      'Accept: application/json;q=0.5, text/*\r\nAccept-Encoding: gzip;q=0.1, br\r\nIf-None-Match: W/"abc"',
      'Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln\r\nX-Request-Id: abc',
      'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX-Forwarded-For: 192.0.2.1, ::1',
      'Cookie: session=abc; csrf=def\r\nOrigin: https://example.org\r\nIdempotency-Key: 0199-abc',
    ]),
    mutate: mutateText,
    request: within(`GET /api/v1/assets?limit=2 HTTP/1.1\r\n${host}`, '\r\n\r\n'),
    changesFraming: true,
  },
];

export const formatOf = (name: string): FuzzFormat => {
  const format = formats.find((each) => each.name === name);
  if (format === undefined) throw new Error(`The formats are ${formats.map((each) => each.name).join(', ')}`);
  return format;
};
