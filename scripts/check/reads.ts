import { globSync, readFileSync } from 'node:fs';

const changing = /\b(?:UnitOfWork|Transaction)\b/;

/** A file of reads must not begin or join a unit of work, because reads can go to a replica. */
export const readFaults = (
  files: readonly string[] = globSync('src/**/*-reads.ts'),
  textOf: (file: string) => string = (file) => readFileSync(file, 'utf8'),
): string[] =>
  files
    .filter((file) => changing.test(textOf(file)))
    .map((file) => `${file} uses a unit of work: move the change to ${file.replace('-reads.ts', '-changes.ts')}.`);
