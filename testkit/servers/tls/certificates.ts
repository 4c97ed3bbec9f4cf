import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

type Certificate = { readonly certificateFile: string; readonly keyFile: string };
export type Authority = {
  /** Path of the certificate of the authority. */
  readonly file: string;
  /** @param names for example `DNS:localhost` or `IP:127.0.0.1` */
  readonly issue: (commonName: string, names?: string) => Certificate;
};

/** Makes an authority with openssl; its files are removed on teardown. */
export const createAuthority = (t: Pick<ExecutionContext, 'teardown'>, name = 'Test authority'): Authority => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-ca-'));
  chmodSync(directory, 0o755);
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const openssl = (...parameters: string[]): void => {
    execFileSync('openssl', parameters, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const newKey = ['-newkey', 'rsa:2048', '-nodes'];
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', `/CN=${name}`);
  let issued = 0;
  return {
    file: join(directory, 'ca.crt'),
    issue: (commonName, names) => {
      issued += 1;
      const base = `issued-${issued}`;
      openssl('req', ...newKey, '-keyout', `${base}.key`, '-out', `${base}.csr`, '-subj', `/CN=${commonName}`);
      writeFileSync(
        join(directory, `${base}.ext`),
        names === undefined ? 'keyUsage=digitalSignature\n' : `subjectAltName=${names}\n`,
      );
      const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'];
      openssl(
        'x509',
        '-req',
        '-in',
        `${base}.csr`,
        ...authority,
        '-out',
        `${base}.crt`,
        '-days',
        '2',
        '-extfile',
        `${base}.ext`,
      );
      return { certificateFile: join(directory, `${base}.crt`), keyFile: join(directory, `${base}.key`) };
    },
  };
};

export type ServerCertificate = { readonly certFile: string; readonly keyFile: string };

/** Makes a certificate for 127.0.0.1 that is its own authority, with the program openssl; removed on teardown. */
export const makeCertificate = (t: Pick<ExecutionContext, 'teardown'>): ServerCertificate => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-certificate-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  execFileSync('openssl', [...request, ...names, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
  return { certFile, keyFile };
};
