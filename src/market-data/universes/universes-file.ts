import { readFile, stat } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { withFileFaults } from '#src/kernel/file-faults.ts';
import { StartError } from '#src/kernel/start-error.ts';
import { universeName, universeSchema, type UniverseDocument, type UniverseLimits } from './universe-document.ts';

export type UniversesFileDeps = {
  readonly path: string;
  readonly limits: UniverseLimits;
  readonly maxUniverses: number;
};

/** A file of this size has more than the allowed numbers of universes and assets. */
const maxBytes = 64 * 2 ** 20;
const maxShownFaults = 20;

const fault = (path: string, problem: string, cause?: unknown): StartError =>
  new StartError(`UNIVERSES_FILE: ${path} ${problem}`, { configuration: true, cause });

const parseText = (path: string, content: string): unknown => {
  try {
    // An alias is counted, because a few of them can expand to billions of values.
    return parse(content, { maxAliasCount: 100, uniqueKeys: true }) as unknown;
  } catch (cause) {
    const [problem = ''] = cause instanceof Error ? cause.message.split('\n') : [];
    throw fault(path, `is neither YAML nor JSON: ${problem}`, cause);
  }
};

/**
 * Reads the universes of a YAML or JSON file: `universes`, an object of definitions by name.
 * @throws StartError with the place of each fault
 */
export const readUniversesFile = async ({
  path,
  limits,
  maxUniverses,
}: UniversesFileDeps): Promise<ReadonlyMap<string, UniverseDocument>> => {
  const content = await withFileFaults({ variable: 'UNIVERSES_FILE', directory: path }, async () => {
    const { size } = await stat(path);
    if (size > maxBytes) throw fault(path, `is larger than ${maxBytes} bytes`);
    return readFile(path, 'utf8');
  });
  const schema = z.strictObject({
    universes: z
      .record(universeName, universeSchema(limits))
      .refine((all) => Object.keys(all).length <= maxUniverses, `Must have at most ${maxUniverses} universes`),
  });
  const parsed = schema.safeParse(parseText(path, content));
  if (parsed.success) return new Map(Object.entries(parsed.data.universes));
  const faults = parsed.error.issues.map((issue) => `/${issue.path.map(String).join('/')}: ${issue.message}`);
  const more = faults.length > maxShownFaults ? ` (and ${faults.length - maxShownFaults} more)` : '';
  throw fault(path, `has faults: ${faults.slice(0, maxShownFaults).join('; ')}${more}`);
};
