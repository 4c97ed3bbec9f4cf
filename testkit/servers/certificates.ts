import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

export type Certificate = { readonly certFile: string; readonly keyFile: string };

/** Makes a certificate for 127.0.0.1 that is its own authority, with the program openssl; removed on teardown. */
export const makeCertificate = (t: Pick<ExecutionContext, 'teardown'>): Certificate => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-certificate-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  execFileSync('openssl', [...request, ...names, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
  return { certFile, keyFile };
};
