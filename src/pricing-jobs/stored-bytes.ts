import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';

export type StoredBytes = {
  readonly column: 'input' | 'output';
  readonly jobId: string;
  readonly number: number;
  /** Length of the stored value, in bytes. */
  readonly length: number;
};

/**
 * Size of one part. The driver receives bytes as hexadecimal text and decodes them on the event loop, which takes a few
 * milliseconds per part.
 */
const partBytes = 262_144;

/**
 * Reads a stored value in parts, so that the event loop can do other work between them. The parts fit together, because
 * a stored value does not change after it is written.
 * @returns undefined if the job was cancelled or the value removed
 */
export const readStoredBytes = async (
  query: Query,
  { column, jobId, number, length }: StoredBytes,
): Promise<ByteBlocks | undefined> => {
  const parts: Buffer[] = [];
  for (let start = 0; start < length; start += partBytes) {
    const [row] = await query<{ part: Buffer | null }>(
      `select substring(${column}, $3::int, $4::int) as part from pricing_chunk join pricing_job job on job.id = job_id
       where job_id = $1 and number = $2 and job.status <> 'cancelled'`,
      [jobId, number, start + 1, partBytes],
    );
    if (!row?.part) return undefined;
    parts.push(row.part);
  }
  return new ByteBlocks(parts);
};
