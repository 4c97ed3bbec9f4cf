import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The users of the API server. Only the administrator and kwok have all rights; the others have the roles of Kubernetes. */
const groups = {
  administrator: 'system:masters',
  kwok: 'system:masters',
  'system:kube-controller-manager': '',
  'system:kube-scheduler': '',
} as const;
export type User = keyof typeof groups;

export type Credentials = {
  readonly tokenFile: string;
  readonly keyOfAccounts: string;
  readonly token: (user: User) => string;
  /** Writes a configuration for clients. @returns its path */
  readonly kubeconfig: (user: User, server: string) => string;
};

/** Each run has new tokens, which end with its directory. */
export const createCredentials = (directory: string, certificateFile: string): Credentials => {
  const users = Object.keys(groups) as User[];
  const tokens = new Map(users.map((user) => [user, randomBytes(24).toString('hex')]));
  const token = (user: User): string => tokens.get(user)!;
  const write = (name: string, content: string): string => {
    const path = join(directory, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    tokenFile: write('tokens.csv', users.map((user) => `${token(user)},${user},${user},"${groups[user]}"\n`).join('')),
    keyOfAccounts: write('accounts.pem', privateKey.export({ type: 'sec1', format: 'pem' }).toString()),
    token,
    kubeconfig: (user, server) =>
      write(
        `${user.replaceAll(':', '-')}.json`,
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Config',
          'current-context': 'loopback',
          contexts: [{ name: 'loopback', context: { cluster: 'loopback', user } }],
          clusters: [{ name: 'loopback', cluster: { server, 'certificate-authority': certificateFile } }],
          users: [{ name: user, user: { token: token(user) } }],
        }),
      ),
  };
};
