import { Query, type ClientBase, type Connection, type QueryConfig, type QueryResult } from 'pg';
import type { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { byteLengthOf } from '#src/kernel/streams/byte-length.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';

/** The codes of the message `Bind` of the protocol of PostgreSQL: its type, and the formats of values. */
const bindType = 'B'.charCodeAt(0);
const [textFormat, binaryFormat] = [0, 1];

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
/** @throws Error for other values, because the statements of the service with bytes have none */
const textValue = (value: unknown): readonly Buffer[] => {
  if (typeof value !== 'string' && typeof value !== 'number')
    throw new Error('A parameter before bytes must be a text or a number');
  const text = Buffer.from(String(value));
  return [int32(text.length), text];
};

/** The message `Bind` with the unnamed portal and the unnamed statement: text values, then the bytes as the last value. */
const bindMessage = (values: readonly unknown[], bytes: ByteBlocks): readonly Uint8Array[] => {
  const formats = [...values.map(() => textFormat), binaryFormat];
  const before = [
    Buffer.from([0, 0]),
    int16(formats.length),
    ...formats.map(int16),
    int16(formats.length),
    ...values.flatMap(textValue),
    int32(bytes.byteLength),
  ];
  const after = [int16(1), int16(textFormat)];
  const length = int32(4 + byteLengthOf(before) + bytes.byteLength + byteLengthOf(after));
  return [Buffer.concat([Buffer.from([bindType]), length, ...before]), ...bytes.blocks, Buffer.concat(after)];
};

/** Resolves when the stream takes more bytes, or is closed. */
const drained = (stream: Connection['stream']): Promise<void> =>
  new Promise((resolve) => {
    const settle = (): void => {
      stream.off('drain', settle).off('close', settle);
      resolve();
    };
    stream.on('drain', settle).on('close', settle);
  });

/** A statement whose last parameter is sent block by block. pg would copy all of its bytes in one step, twice. */
class StatementWithBlocks extends Query {
  readonly query_timeout: number | undefined;
  readonly #text: string;
  readonly #message: readonly Uint8Array[];

  constructor(
    { text, values, types, query_timeout }: StatementConfig,
    bytes: ByteBlocks,
    callback: (error: Error | undefined, result: QueryResult) => void,
  ) {
    super({ text, types } as QueryConfig, callback as never);
    this.query_timeout = query_timeout;
    this.#text = text;
    this.#message = bindMessage(values, bytes);
  }

  override submit = (connection: Connection): void => {
    connection.parse({ name: '', text: this.#text, types: [] }, true);
    void this.#send(connection);
  };

  /** The server answers after the last message, so no other statement uses the connection before. */
  async #send(connection: Connection): Promise<void> {
    const { stream } = connection;
    const turns = createTurns();
    for (const block of this.#message) {
      const turn = turns.give();
      if (turn) await turn;
      if (!stream.writable) return;
      if (!stream.write(block)) await drained(stream);
    }
    connection.describe({ type: 'P', name: '' }, true);
    connection.execute({ portal: '', rows: '' }, true);
    connection.sync();
  }
}

export type StatementConfig = Pick<QueryConfig, 'text' | 'types'> & {
  readonly values: readonly unknown[];
  readonly query_timeout: number;
};

/**
 * Runs a statement whose last parameter is `bytes`.
 * @param config its values are the parameters before
 */
export const queryWithBlocks = (client: ClientBase, config: StatementConfig, bytes: ByteBlocks): Promise<QueryResult> =>
  new Promise((resolve, reject) => {
    client.query(new StatementWithBlocks(config, bytes, (error, result) => (error ? reject(error) : resolve(result))));
  });
