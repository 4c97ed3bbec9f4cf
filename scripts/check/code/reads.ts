import { globSync, readFileSync } from 'node:fs';

const changing = /\b(?:UnitOfWork|unitOfWork|Transaction)\b/;
const reading = /\b(?:Reader|reader)\b/;

/** The rooms in which each file either reads or changes. */
const separatedRooms = 'src/{accounts,auth,webhooks}/**/*.ts';

/** Files of these rooms that may name both ports, each with its reason. */
const mixedFiles: Readonly<Record<string, string>> = {
  'src/accounts/account-routes.ts': 'declares the ports of its two documents and passes both on',
  'src/auth/auth.ts': 'composes the room: it passes the reader to the reads and the unit of work to the changes',
};

const withoutComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');

/** A file of reads must not begin or join a unit of work, because reads can go to a replica. */
export const readFaults = (
  files: readonly string[] = globSync('src/**/*-reads.ts'),
  textOf: (file: string) => string = (file) => readFileSync(file, 'utf8'),
): string[] =>
  files
    .filter((file) => changing.test(withoutComments(textOf(file))))
    .map((file) => `${file} uses a unit of work: move the change to ${file.replace('-reads.ts', '-changes.ts')}.`);

/** A file that changes rows must get its reads from a `*-reads.ts` file, so that reads and changes have separate ports. */
export const mixedFaults = (
  files: readonly string[] = globSync(separatedRooms),
  textOf: (file: string) => string = (file) => readFileSync(file, 'utf8'),
  exceptions: Readonly<Record<string, string>> = mixedFiles,
): string[] => {
  const mixed = files.filter((file) => {
    const text = withoutComments(textOf(file));
    return reading.test(text) && changing.test(text);
  });
  return [
    ...mixed
      .filter((file) => !(file in exceptions))
      .map((file) => `${file} reads and changes: move the reads to ${file.replace(/\.ts$/, '-reads.ts')}.`),
    ...Object.keys(exceptions)
      .filter((file) => !mixed.includes(file))
      .map((file) => `${file} does not read and change: remove its exception from scripts/check/code/reads.ts.`),
  ];
};
