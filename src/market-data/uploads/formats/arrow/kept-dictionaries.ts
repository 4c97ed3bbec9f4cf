import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createDictionary, type Dictionary } from '#src/kernel/arrow/dictionary.ts';
import { contradiction } from '#src/kernel/arrow/faults.ts';
import { createPartsLeft, type PartsLeft } from '#src/kernel/arrow/kept-parts.ts';
import { checkTexts, readBatch } from '#src/kernel/arrow/read-batch.ts';
import type { ArrowMessage } from '#src/kernel/arrow/read-messages.ts';
import type { ReadableType } from '#src/kernel/arrow/read-type.ts';
import { runAtOnce } from '#src/kernel/streams/turns.ts';
import type { UploadField } from './upload-fields.ts';

/** Enough for the symbols of a universe. Dictionaries stay in memory, so all of them together have this limit. */
export const maxDictionaryBytes = 2_097_152;
/** Memory of each part of a dictionary beside its bytes, for buffers and functions: 1.1 KB were measured. */
const partBytes = 1_024;

type KeptDictionary = {
  readonly dictionary: Dictionary;
  /** Memory of its parts. */
  bytes: number;
  readonly left: PartsLeft;
};
const newDictionary = (): KeptDictionary => ({ dictionary: createDictionary(), bytes: 0, left: createPartsLeft() });

const tooLarge = (): AppError =>
  new AppError(
    'payload_too_large',
    `The dictionaries of an Arrow stream may have at most ${maxDictionaryBytes} bytes together, and the metadata and ${partBytes} bytes for each part count: send each dictionary in one part`,
    { abuse: 'body_structure' },
  );

/**
 * The dictionaries of a stream, by id. What is kept of them counts. A dictionary that another one has replaced is not kept.
 * @throws AppError `malformed_body`, `payload_too_large`, `validation_failed` for a feature that is not read
 */
export const createKeptDictionaries = (fields: readonly UploadField[]) => {
  const types = new Map<bigint, readonly ReadableType[]>();
  for (const { type } of fields) {
    if (type.kind === 'dictionary') types.set(type.id, [{ kind: 'text', name: type.name, layout: type.texts }]);
  }
  const ignored = new Set(fields.map(({ ignoredDictionary }) => ignoredDictionary));
  const kept = new Map<bigint, KeptDictionary>();
  return {
    read: (message: ArrowMessage): void => {
      const { header, view, body } = message;
      const id = header.int64(0);
      const data = header.table(1);
      const type = types.get(id);
      if (type === undefined && ignored.has(id)) return;
      if (data === undefined || type === undefined) throw contradiction('a dictionary belongs to no column');
      const isDelta = header.uint8(2) !== 0;
      const entry = (isDelta ? kept.get(id) : undefined) ?? newDictionary();
      // The positions of the buffers of views take as much memory as they have in the metadata.
      entry.bytes += view.byteLength + body.length + partBytes;
      kept.set(id, entry);
      if ([...kept.values()].reduce((sum, { bytes }) => sum + bytes, 0) > maxDictionaryBytes) throw tooLarge();
      const chunks = readBatch(data, message, type, entry.left);
      runAtOnce(checkTexts(chunks));
      entry.dictionary.append(chunks[0]!);
    },
    of: (type: ReadableType): Dictionary | undefined => {
      if (type.kind !== 'dictionary') return undefined;
      return kept.get(type.id)?.dictionary ?? createDictionary();
    },
  };
};
