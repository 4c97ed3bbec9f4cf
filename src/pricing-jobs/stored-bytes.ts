import type { Query } from '#src/kernel/ports/unit-of-work.ts';

export type StoredBytes = {
  readonly column: 'input' | 'output';
  readonly jobId: string;
  readonly number: number;
  /** Length of the stored value, in bytes. */
  readonly length: number;
};

/** The driver receives bytes as hexadecimal text and decodes them on the event loop: a part takes a few milliseconds. */
const partBytes = 524_288;

/**
 * Reads a stored value in parts, so that the event loop does other work between them. A stored value is written once.
 * @returns undefined when the value has been removed
 */
export const readStoredBytes = async (
  query: Query,
  { column, jobId, number, length }: StoredBytes,
): Promise<Buffer | undefined> => {
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let start = 0; start < length; start += partBytes) {
    const [row] = await query<{ part: Buffer | null }>(
      `select substring(${column}, $3::int, $4::int) as part from pricing_chunk where job_id = $1 and number = $2`,
      [jobId, number, start + 1, partBytes],
    );
    if (!row?.part) return undefined;
    bytes.set(row.part, start);
  }
  return bytes;
};
