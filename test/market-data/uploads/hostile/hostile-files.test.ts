import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { inParts, maxPartBytes } from '#src/kernel/streams/in-parts.ts';
import type { ReadRows } from '#src/market-data/uploads/formats/rows.ts';
import { readCsv } from '#src/market-data/uploads/formats/read-csv.ts';
import { createRowCounter } from '#src/market-data/uploads/row-error.ts';
import { createRefusals } from '#src/market-data/uploads/refusals.ts';
import { uploadFormats } from '#src/market-data/uploads/stage-upload.ts';
import { messagesOf, streamFile } from '#testkit/arrow/streams.ts';

const noTurn = () => undefined;
const pieceBytes = 262_144;
const filled = (text: string): Buffer => Buffer.from(text.repeat(Math.ceil(pieceBytes / text.length)));

const csvHeader = 'symbol,date,close\n';
/** The messages of a stream after its schema, repeated until they fill a piece. */
const batchesOf = (name: string): Buffer => {
  const [schema, ...others] = messagesOf(streamFile(`prices/${name}`)).slice(0, -1);
  const messages = Buffer.concat(others);
  return Buffer.concat([schema!, ...Array.from({ length: Math.ceil(pieceBytes / messages.length) }, () => messages)]);
};
/** Pieces as a decompressor gives them, with records that are tiny or costly. A new format must add its own. */
const hostile: Readonly<Record<string, Readonly<Record<string, Buffer>>>> = {
  'text/csv': {
    'tiny records': Buffer.concat([Buffer.from(csvHeader), filled('1\n')]),
    'tiny records after a quote': Buffer.concat([Buffer.from(`${csvHeader}""\n`), filled('1\n')]),
    'commas after a quote': Buffer.concat([Buffer.from(`${csvHeader}"",,\n`), filled(',,\n')]),
    'records of different widths after a quote': Buffer.concat([Buffer.from(`${csvHeader}"",,\n`), filled(',\n')]),
    'empty quoted values': Buffer.concat([Buffer.from(csvHeader), filled('"",""\n')]),
  },
  'application/x-ndjson': {
    'no JSON': filled('{\n'),
    'no JSON in braces': filled('{[}\n'),
    'no objects': filled('1\n'),
    'empty objects': filled('{}\n'),
    'unknown members': filled('{"a":1}\n'),
  },
  'application/vnd.apache.arrow.stream': {
    'batches of one row': batchesOf('pyarrow-batches'),
    'the same dictionary again and again': batchesOf('polars-categorical'),
  },
};
const textFormats = Object.entries(hostile).filter(([type]) => !type.includes('arrow'));

/** Reads one piece as an upload does, and calls `pulled` whenever the next part is asked for. */
const readPiece = async (
  read: ReadRows,
  piece: Buffer,
  refuse: () => void,
  pulled: (bytes: number) => void,
): Promise<number> => {
  let rows = 0;
  const source = async function* (): AsyncGenerator<Buffer> {
    for await (const part of inParts(
      (async function* () {
        yield piece;
      })(),
    )) {
      pulled(part.length);
      yield part;
    }
  };
  for await (const batch of read(source(), refuse, noTurn)) rows += batch.rows.length;
  return rows;
};

test('each format of uploads has hostile files here', (t) => {
  t.deepEqual(Object.keys(hostile).sort(), Object.keys(uploadFormats).sort());
});

for (const [type, files] of Object.entries(hostile)) {
  for (const [name, piece] of Object.entries(files)) {
    test(`a piece with 256 KB of ${name} is read part by part: ${type}`, async (t) => {
      const read = uploadFormats[type]!;
      let handled = 0;
      let most = 0;
      let before = 0;
      const rows = await readPiece(
        read,
        piece,
        () => (handled += 1),
        (bytes) => {
          t.true(bytes <= maxPartBytes);
          most = Math.max(most, handled - before);
          before = handled;
        },
      );
      t.true(rows + handled >= 0);
      // The smallest record has two bytes.
      t.true(most <= maxPartBytes / 2 + 1, `${most} records between two parts`);
    });
  }
}

/** Processor time in milliseconds, which the load of the machine does not change much. */
const cpuMs = async (work: () => Promise<unknown>): Promise<number> => {
  const before = process.cpuUsage();
  await work();
  return process.cpuUsage(before).user / 1_000;
};

test.serial('the work for quoted values that stay open over many pieces is linear', async (t) => {
  // Each piece closes the quoted value of the piece before it, and opens the next one.
  const file = (pieces: number): Buffer[] => [
    Buffer.from(`${csvHeader}"`),
    ...Array.from({ length: pieces }, () => Buffer.from(`",${',\n'.repeat(150)}"\n`)),
    Buffer.from('"\n'),
  ];
  const read = async (pieces: number): Promise<number> => {
    let refused = 0;
    const source = async function* (): AsyncGenerator<Buffer> {
      yield* file(pieces);
    };
    for await (const batch of readCsv(source(), () => (refused += 1), noTurn)) refused += batch.rows.length;
    return refused;
  };
  t.true((await read(200)) > 200 * 149);
  const [few, many] = [await cpuMs(() => read(300)), await cpuMs(() => read(2_400))];
  // Eight times the work, and 64 times if it were quadratic.
  t.true(many < 24 * Math.max(few, 20), `${few} ms and ${many} ms`);
});

test.serial('a line that arrives in tiny pieces is searched once', async (t) => {
  const read = async (type: string): Promise<void> => {
    const source = async function* (): AsyncGenerator<Buffer> {
      if (type === 'text/csv') yield Buffer.from(csvHeader);
      for (let line = 0; line < 20; line += 1) {
        for (let piece = 0; piece < 2_000; piece += 1) yield Buffer.alloc(32, '1');
        yield Buffer.from('\n');
      }
    };
    for await (const batch of uploadFormats[type]!(source(), () => {}, noTurn)) t.is(batch.rows.length, 0);
  };
  for (const [type] of textFormats) {
    const ms = await cpuMs(() => read(type));
    t.true(ms < 3_000, `${type}: ${ms} ms`);
  }
});

for (const [type] of textFormats) {
  test(`more than 10,000 empty lines end the file: ${type}`, async (t) => {
    const read = (lines: number, empty: string) =>
      readPiece(
        uploadFormats[type]!,
        Buffer.from(`${type === 'text/csv' ? csvHeader : ''}${empty.repeat(lines)}`),
        () => undefined,
        () => undefined,
      );
    for (const empty of ['\n', '\r\n']) {
      t.is(await read(10_000, empty), 0);
      const error = await t.throwsAsync(read(10_001, empty), { instanceOf: AppError });
      t.is(error.code, 'malformed_body');
      t.is(error.abuse, 'body_structure');
      t.is(error.message, 'The file has more than 10000 empty lines: remove them');
    }
  });
}

test('a record of two lines has no empty line', async (t) => {
  let refused = 0;
  const file = Buffer.from(csvHeader + '"A\nB",2024-01-02,1\n'.repeat(12_000));
  const read = readPiece(
    readCsv,
    file,
    () => (refused += 1),
    () => undefined,
  );
  t.is((await read) + refused, 12_000);
});

test('an open quoted value longer than a line may be ends the file', async (t) => {
  const source = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(`${csvHeader}AAA,"`);
    for (let piece = 0; piece < 1_000; piece += 1) yield Buffer.from('a\n'.repeat(4_096));
  };
  const read = async (): Promise<void> => {
    for await (const batch of readCsv(source(), () => {}, noTurn)) t.is(batch.rows.length, 0);
  };
  await t.throwsAsync(read(), { message: /at line 2: a quoted value does not end/ });
});

test('a file ends at the refused row that is one too many, whatever its text format', async (t) => {
  for (const [onError, max] of [
    ['fail', 20],
    ['skip', 101],
  ] as const) {
    for (const [type, files] of textFormats) {
      const name = type === 'text/csv' ? 'tiny records' : 'no JSON';
      const counter = createRowCounter();
      const refuse = createRefusals({ counter, onError, maxRefusedRows: 100 });
      const read = async (): Promise<void> => {
        const source = async function* (): AsyncGenerator<Buffer> {
          yield files[name]!;
          t.fail('the next piece was read');
        };
        for await (const batch of uploadFormats[type]!(source(), refuse, noTurn)) t.is(batch.rows.length, 0);
      };
      await t.throwsAsync(read(), { code: 'upload_refused' });
      t.like(counter.counts(), { errors_total: max, rows_read: max });
    }
  }
});
