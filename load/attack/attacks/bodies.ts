import { once as eventOnce } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { costlyBlocks, emptyBlocks as emptyStreams, emptyBody } from '#testkit/bodies/empty-blocks.ts';
import type { Attack, Field } from '../attack.ts';
import { each } from '../each.ts';
import { once, payloads } from '../payloads.ts';
import { rawRequest } from '../raw-request.ts';

const batch = '/api/v1/pricing/batch';
const json = { 'Content-Type': 'application/json' };

/** Sends the same body from every address to the batch route. */
const batchOf =
  (body: () => Uint8Array, headers: Readonly<Record<string, string>> = json, parallel = 16) =>
  async (field: Field): Promise<void> => {
    // The body is made before the attack begins, because the compression of a bomb takes seconds.
    const bytes = body();
    await each(field, { parallel, ...(parallel > 16 && { grouped: true }) }, (_, address) =>
      rawRequest({ ...field, address, method: 'POST', path: batch, headers, body: bytes }),
    );
  };
const encoded = (encoding: string): Record<string, string> => ({ ...json, 'Content-Encoding': encoding });

export const structure: readonly [Attack, ...Attack[]] = [
  { name: 'JSON of 350,000 rows', run: batchOf(payloads.tooManyRows) },
  { name: 'JSON of many members', run: batchOf(payloads.manyMembers) },
  { name: 'JSON of objects with numbered members', run: batchOf(payloads.numberedMembers) },
  { name: 'deep JSON', run: batchOf(payloads.deepJson) },
  { name: 'chunks of one byte', run: batchOf(payloads.tinyChunks, { ...json, 'Transfer-Encoding': 'chunked' }) },
];

export const expansion: readonly [Attack, ...Attack[]] = [
  { name: 'gzip bomb of rows', orKinds: ['body_structure'], run: batchOf(payloads.gzipOfRows, encoded('gzip')) },
  { name: 'gzip bomb of zeros', run: batchOf(payloads.gzipOfZeros, encoded('gzip')) },
  {
    name: '100 brotli windows at once',
    orKinds: ['body_backlog', 'body_structure'],
    run: batchOf(payloads.brotliWindow, encoded('br'), 100),
  },
  { name: 'brotli bomb of rows', orKinds: ['body_structure'], run: batchOf(payloads.brotliOfRows, encoded('br')) },
];

/** 16 MB of the max size whose ratio does not count: one row behind blanks. 110 bytes as brotli, and 16 KB as gzip. */
const rowBehindBlanks = once((): Buffer => {
  const row = { spot: 100, strike: 105, time_to_expiry: 0.5, rate: 0.03, volatility: 0.2, option_type: 'put' };
  return Buffer.from(`{"options":[${' '.repeat(16_000_000)}${JSON.stringify(row)}]}`);
});
const brotliParameters = { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_QUALITY]: 5 };
const packedBodies = once(() => [
  { body: brotliCompressSync(rowBehindBlanks(), { params: brotliParameters }), headers: encoded('br') },
  { body: gzipSync(rowBehindBlanks(), { level: 9 }), headers: encoded('gzip') },
]);

/**
 * Small bodies that take the threads of decompression for long, whose queue is also that of passwords and signatures: all sign-ins
 * and all packed bodies of others waited for more than 5 s.
 */
export const packedBlanks: Attack = {
  name: 'packed bodies of blanks that keep the threads',
  orKinds: ['body_slow'],
  run: (field) => {
    const bodies = packedBodies();
    return each(field, { parallel: 200, grouped: true }, (number, address) =>
      rawRequest({ ...field, address, method: 'POST', path: batch, ...bodies[number % bodies.length]! }),
    );
  },
};

export const arrowViews: Attack = {
  name: 'Arrow streams of a million views of one text',
  orKinds: ['body_backlog'],
  run: batchOf(payloads.arrowViews, { 'Content-Type': 'application/vnd.apache.arrow.stream' }, 8),
};

export const wrongLengthArrow: Attack = {
  name: 'Arrow streams with a wrong length',
  run: (field) =>
    each(field, { parallel: 8 }, (number, address) =>
      rawRequest({
        ...field,
        address,
        method: 'POST',
        path: batch,
        headers: { 'Content-Type': 'application/vnd.apache.arrow.stream' },
        body: payloads.wrongLengthArrow()[number % 2]!,
      }),
    ),
};

/** Sends one byte per second. */
const drip = async (socket: Socket, ended: AbortSignal): Promise<void> => {
  while (!ended.aborted && socket.writable) {
    socket.write(' ');
    await sleep(1_000, undefined, { signal: ended }).catch(() => {});
  }
};

export const slowBodies: Attack = {
  name: 'slow bodies',
  slow: true,
  orKinds: ['body_backlog'],
  run: (field) =>
    each(field, { parallel: 500 }, (_, address) =>
      rawRequest({
        ...field,
        address,
        method: 'POST',
        path: '/api/v1/pricing/price',
        headers: json,
        announcedBytes: 60_000,
        afterwards: drip,
      }),
    ),
};

/** From the max size of a body whose ratio does not count down to little more than what counts of a body. */
const heldSizes = [16.5e6, 8e6, 4e6, 2e6, 1e6, 5e5, 2.5e5, 1.6e5, 1.1e5, 8e4];
/** Blocks of deflate that decompress to nothing. */
const emptyBlocks = Buffer.from('000000ffff'.repeat(300), 'hex');
const chunkOf = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.byteLength.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);

/** Keeps bodies open that are small on the wire and large in memory, until no memory is left for the bodies of others. */
export const heldBodies: Attack = {
  name: 'gzip bodies that are kept open',
  slow: true,
  orKinds: ['body_slow', 'body_expansion'],
  run: (field) => {
    const bodies = heldSizes.map((bytes) => chunkOf(payloads.openGzip(bytes)));
    const keepOpen = async (socket: Socket, ended: AbortSignal): Promise<void> => {
      while (!ended.aborted && socket.writable) {
        socket.write(chunkOf(emptyBlocks));
        await sleep(1_000, undefined, { signal: ended }).catch(() => {});
      }
    };
    const sizes = new Map<string, number>();
    return each(field, { parallel: 70 }, async (_, address) => {
      const size = sizes.get(address) ?? 0;
      const outcome = await rawRequest({
        ...field,
        address,
        method: 'POST',
        path: batch,
        headers: { ...encoded('gzip'), 'Transfer-Encoding': 'chunked' },
        body: bodies[size]!,
        afterwards: keepOpen,
        timeoutMs: 27_500,
      });
      // After a refusal the next body is smaller.
      sizes.set(address, outcome === 'held' ? 0 : (size + 1) % bodies.length);
      return outcome;
    });
  },
};

/**
 * Half of them unpack to nothing. The others have blocks with tables and little content, and go on with 2 Mbit/s each for as long as
 * they can.
 */
export const emptyBodies: Attack = {
  name: 'compressed bodies that unpack to nothing',
  orKinds: ['body_backlog'],
  run: (field) => {
    const short = (['deflate', 'gzip', 'br', 'zstd'] as const).map(
      (encoding) => [encoding, chunkOf(emptyBody(encoding, 65_536))] as const,
    );
    const start = chunkOf(emptyStreams.deflate.head);
    const more = chunkOf(Buffer.alloc(costlyBlocks.length * 600, costlyBlocks));
    const goOn = async (socket: Socket, ended: AbortSignal): Promise<void> => {
      while (!ended.aborted && socket.writable) {
        if (!socket.write(more)) await eventOnce(socket, 'drain', { signal: ended }).catch(() => {});
        await sleep(250, undefined, { signal: ended }).catch(() => {});
      }
    };
    const paths = ['/api/v1/pricing/price', '/api/v1/auth/login', batch];
    return each(field, { parallel: 200 }, (number, address) => {
      const isShort = number % 2 === 0;
      const [encoding, body] = isShort ? short[(number / 2) % short.length]! : (['deflate', start] as const);
      return rawRequest({
        ...field,
        address,
        method: 'POST',
        path: isShort ? paths[number % paths.length]! : batch,
        headers: { ...encoded(encoding), 'Transfer-Encoding': 'chunked' },
        body,
        ...(!isShort && { afterwards: goOn, timeoutMs: 27_500 }),
      });
    });
  },
};

/** The bodies take the memory of each other, so each of them is decompressed for nothing. Their messages do not end. */
export const displacingBodies: Attack = {
  name: 'zstd bodies that displace each other',
  orKinds: ['body_slow'],
  run: (field) => {
    const body = chunkOf(payloads.zstdOfBlanks());
    return each(field, { parallel: 450 }, (_, address) =>
      rawRequest({
        ...field,
        address,
        method: 'POST',
        path: batch,
        headers: { ...encoded('zstd'), 'Transfer-Encoding': 'chunked' },
        body,
        timeoutMs: 27_500,
      }),
    );
  },
};

/** The maximum number of bytes that all attackers of one run send together. */
const maxUnexpectedBytes = 50 * 1_048_576;

export const unexpectedBodies: Attack = {
  name: 'bodies on routes that take none',
  run: (field) => {
    const piece = Buffer.alloc(65_536, 0x20);
    const targets = [
      ['GET', '/api/v1/auth/me'],
      ['GET', '/api/v1/pricing/models'],
      ['DELETE', '/api/v1/api-keys/0'],
      ['OPTIONS', batch],
      ['GET', '/api/v1/no-such-route'],
      ['PUT', '/api/v1/pricing/models'],
    ] as const;
    let left = maxUnexpectedBytes;
    const pour = async (socket: Socket, ended: AbortSignal): Promise<void> => {
      while (!ended.aborted && socket.writable && left > 0) {
        left -= piece.byteLength;
        if (!socket.write(piece)) await sleep(5, undefined, { signal: ended }).catch(() => {});
        else await sleep(0);
      }
    };
    return each(field, { parallel: 16 }, (number, address) => {
      const [method, path] = targets[number % targets.length]!;
      return rawRequest({ ...field, address, method, path, announcedBytes: 1e10, afterwards: pour, timeoutMs: 5_000 });
    });
  },
};

/** Texts that look like the beginning of many credentials, in the path, the headers and the body. */
export const redaction: Attack = {
  name: 'inputs that are slow to redact',
  run: (field) =>
    each(field, { parallel: 16 }, (number, address) => {
      const texts = payloads.credentialPrefixes();
      const text = texts[number % texts.length]!;
      return rawRequest({
        ...field,
        address,
        method: 'POST',
        path: `/api/v1/pricing/price?q=${encodeURIComponent(text.slice(0, 2_000))}`,
        headers: { 'Content-Type': 'application/json', 'User-Agent': text, 'X-Request-ID': text.slice(0, 100) },
        body: Buffer.from(JSON.stringify({ [text]: text, spot: text })),
      });
    }),
};
