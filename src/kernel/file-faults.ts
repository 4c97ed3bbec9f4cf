import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { StartError } from './start-error.ts';

const noAccess = 'the account of this process has no access to it';
const reasons: Readonly<Record<string, string>> = {
  EACCES: noAccess,
  EPERM: noAccess,
  EROFS: 'its file system can only be read',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory, not a file',
  EEXIST: 'a file with this name exists already',
  ENOENT: 'it does not exist and cannot be created',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  ENAMETOOLONG: 'the path is too long',
  ELOOP: 'its symbolic links form a circle',
};

const isFileError = (error: unknown): error is NodeJS.ErrnoException & { readonly code: string } =>
  error instanceof Error && 'code' in error && Object.hasOwn(reasons, String(error.code));

export type DirectoryVariable = {
  /** Name of the environment variable that sets the directory. */
  readonly variable: string;
  readonly directory: string;
};

/**
 * Runs a step of the start that uses files, most of them below a configured directory.
 * @throws StartError in place of an error of the file system; it names the file, the variable and the remedy
 */
export const withFileFaults = async <T>(
  { variable, directory }: DirectoryVariable,
  step: () => Promise<T>,
): Promise<T> => {
  try {
    return await step();
  } catch (error) {
    if (!isFileError(error)) throw error;
    const path = resolve(error.path ?? directory);
    const isBelow = path.startsWith(resolve(directory));
    const remedy = isBelow
      ? `Change the path, or set ${variable} to a directory that user ${userInfo().uid} can write to`
      : `Give user ${userInfo().uid} access to it`;
    throw new StartError(
      `${isBelow ? `${variable}: cannot` : 'Cannot'} use ${path}, because ${reasons[error.code]}. ${remedy}`,
      { cause: error, configuration: true },
    );
  }
};
