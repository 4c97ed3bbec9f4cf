import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';

const maxLines = 300;
const maxFiles = 15;

const trackedCode = (): string[] => {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts'], {
    encoding: 'utf8',
  });
  return listed.split('\n').filter((file) => file !== '');
};

/** Files with more than 300 lines and folders with more than 15 files. */
export const sizeFaults = (): string[] => {
  const files = trackedCode();
  const counts = Map.groupBy(files, (file) => dirname(file));
  return [
    ...files.flatMap((file) => {
      const lines = readFileSync(file, 'utf8').split('\n').length - 1;
      return lines > maxLines
        ? [`${file} has ${lines} lines; the limit is ${maxLines}. Split it by responsibility.`]
        : [];
    }),
    ...[...counts].flatMap(([folder, { length }]) =>
      length > maxFiles ? [`${folder}/ has ${length} files; the limit is ${maxFiles}. Add a folder.`] : [],
    ),
  ];
};
