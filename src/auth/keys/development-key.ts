import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportPKCS8, generateKeyPair } from 'jose';

export const developmentKeyPath = (directory: string): string => join(directory, 'jwt-signing-key.pem');

/**
 * The signing key for development. It is created once in `directory`, readable only by its owner, and reused at each
 * start. The key is written to a temporary file, which is then linked to the final name. So two processes that start at
 * the same time use the same key, and a killed process leaves no partial key.
 * @returns PKCS#8 PEM
 */
export const developmentKey = async (directory: string): Promise<string> => {
  const path = developmentKeyPath(directory);
  const existing = await readIfPresent(path);
  if (existing !== undefined) return existing;

  const { privateKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true });
  await mkdir(directory, { recursive: true });
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, await exportPKCS8(privateKey), { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return readFile(path, 'utf8');
};

const readIfPresent = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    // The error of a read, unlike that of an open, does not name its file.
    throw error instanceof Error ? Object.assign(error, { path }) : error;
  }
};

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
