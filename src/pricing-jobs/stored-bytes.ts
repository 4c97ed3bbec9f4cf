import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';

export type StoredBytes = {
  readonly column: 'input' | 'output';
  readonly jobId: string;
  readonly number: number;
  /** Length of the stored value, in bytes. */
  readonly length: number;
};

/** Size of one part. The driver receives it as text, which is decoded on the event loop. */
const partBytes = 262_144;

/**
 * Reads a stored value in parts, so that the event loop can do other work between them. The parts fit together, because
 * a stored value does not change after it is written. They are sent as base64, because the driver reads only texts, and
 * the hexadecimal text of bytes is half as long again. The line ends of PostgreSQL are removed: with them, the memory of a part is larger
 * than its bytes, and `ByteBlocks.release` cannot free it.
 * @returns undefined if the job was cancelled or the value removed
 * @throws the reason of `signal`, between two parts
 */
export const readStoredBytes = async (
  query: Query,
  { column, jobId, number, length }: StoredBytes,
  signal: AbortSignal,
): Promise<ByteBlocks | undefined> => {
  const parts: Buffer[] = [];
  let isComplete = false;
  try {
    for (let start = 0; start < length; start += partBytes) {
      signal.throwIfAborted();
      const [row] = await query<{ part: string | null }>(
        `select translate(encode(substring(${column}, $3::int, $4::int), 'base64'), e'\\n', '') as part from pricing_chunk join pricing_job job on job.id = job_id
         where job_id = $1 and number = $2 and job.status <> 'cancelled'`,
        [jobId, number, start + 1, partBytes],
      );
      if (row?.part == null) return undefined;
      parts.push(Buffer.from(row.part, 'base64'));
    }
    isComplete = true;
    return new ByteBlocks(parts);
  } finally {
    if (!isComplete) new ByteBlocks(parts).release();
  }
};
