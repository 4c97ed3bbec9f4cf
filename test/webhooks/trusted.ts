import { readFileSync } from 'node:fs';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { createAuthority } from '#testkit/servers/tls/certificates.ts';

/** A certificate that is trusted in this process. @param names for example `IP:127.0.0.1` */
export const trusted = (t: ExecutionContext, names = 'IP:127.0.0.1') => {
  const authority = createAuthority(t);
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(authority.file, 'utf8')]);
  const { certificateFile, keyFile } = authority.issue('receiver', names);
  return { cert: readFileSync(certificateFile), key: readFileSync(keyFile) };
};
