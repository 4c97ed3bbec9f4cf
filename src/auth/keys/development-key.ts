import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportPKCS8, generateKeyPair } from 'jose';

/**
 * The signing key of a laptop: made once under `directory`, readable by its owner only, and used again at every start.
 * The key is written beside its place and then linked into it, so that of two processes starting at once both take
 * the key of the one that came first, and a killed start leaves no half-written key.
 * @returns PKCS#8 PEM
 */
export const developmentKey = async (directory: string): Promise<string> => {
  const path = join(directory, 'jwt-signing-key.pem');
  const existing = await readIfThere(path);
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

const readIfThere = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
};

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
