import { readFileSync } from 'node:fs';
import { readMessages, type ArrowMessage } from '#src/kernel/arrow/read-messages.ts';

/** A stream of `streams/`; see the README there. */
export const streamFile = (name: string): Uint8Array =>
  Uint8Array.from(readFileSync(new URL(`streams/${name}.arrow`, import.meta.url)));

/** A copy of the stream in which `change` rewrites the metadata of its first message of a kind. */
export const patch = (
  stream: Uint8Array,
  kind: ArrowMessage['kind'],
  change: (message: ArrowMessage) => void,
): Uint8Array => {
  const bytes = Uint8Array.from(stream);
  for (const message of readMessages(bytes)) {
    if (message.kind !== kind) continue;
    change(message);
    return bytes;
  }
  throw new Error(`the stream has no ${kind}`);
};

/** The bytes of each message of a stream, framing and body included; what ends the stream comes last. */
export const messagesOf = (stream: Uint8Array): Uint8Array[] => {
  const parts: Uint8Array[] = [];
  let start = 0;
  for (const { view, body } of readMessages(stream)) {
    const end = view.byteOffset - stream.byteOffset + view.byteLength + body.length;
    parts.push(stream.slice(start, end));
    start = end;
  }
  return [...parts, stream.slice(start)];
};

/** Writes a length of 64 bits. */
export const setSize = (view: DataView, at: number, size: number): void => view.setBigInt64(at, BigInt(size), true);

/** A copy of the stream whose entries of metadata all refer to the bytes of the first one. */
export const withSharedMetadata = (stream: Uint8Array): Uint8Array =>
  patch(stream, 'schema', ({ header, view }) => {
    const { start, count } = header.vector(2, 4);
    const first = start + view.getUint32(start, true);
    for (let at = start; at < start + 4 * count; at += 4) view.setUint32(at, first - at, true);
  });
