import { execFile } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { eventually } from '#testkit/eventually.ts';
import type { GoogleServer } from '#testkit/servers/google-server.ts';
import { statementOn } from '#testkit/servers/replica.ts';
import type { Instances } from './instances.ts';

/** An exchange of a secret in steps, while callers send requests. */
type Rotation = {
  /** Until the old and the new secret are in use side by side. */
  readonly begin: () => Promise<void>;
  /** Until only the new secret is in use. */
  readonly end: () => Promise<void>;
  /** Whether something that the new secret made is in use. */
  readonly hasBegun: () => Promise<boolean>;
};

type Credentials = { readonly id: string; readonly secret: string };

export type Rotations = {
  readonly signingKey: Rotation;
  readonly encryptionKey: Rotation;
  readonly clientSecret: Rotation;
  /** The client that takes access tokens in the probe `token`. It is created at the first call. */
  readonly caller: () => Promise<Credentials>;
};

export type RotationDeps = Pick<Instances, 'urls' | 'setting' | 'replace' | 'startBeside' | 'stopBeside'> & {
  readonly google: GoogleServer;
  readonly databaseUrl: () => string;
};

const run = promisify(execFile);
const pemOf = (privateKey: string): string =>
  createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();

/**
 * The steps of docs/auth.md: both instances accept the new key, then one instance after the other signs with it. The old
 * key stays accepted, because its tokens are valid for a day in this test.
 */
const rotateSigningKey = (deps: RotationDeps): Rotation => {
  const { urls, setting, replace, startBeside, stopBeside } = deps;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const newKey = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const signsWithNew = (): Record<string, string> => ({
    JWT_PRIVATE_KEY: newKey,
    JWT_PUBLIC_KEYS: pemOf(setting('JWT_PRIVATE_KEY')),
  });
  return {
    begin: async () => {
      const acceptsNew = { JWT_PUBLIC_KEYS: pemOf(newKey) };
      await startBeside(acceptsNew);
      await replace(acceptsNew);
      await stopBeside();
      await startBeside(signsWithNew());
    },
    end: async () => {
      await replace(signsWithNew());
      await stopBeside();
    },
    hasBegun: async () => {
      const keysOf = async (url: string): Promise<string[]> => {
        const response = await fetch(`${url}/.well-known/jwks.json`);
        const { keys } = (await response.json()) as { keys: { kid: string }[] };
        return keys.map(({ kid }) => kid);
      };
      const [first, second] = await Promise.all(urls().map(keysOf));
      // The signing key is the first one, and each instance knows the key of the other one.
      return first?.length === 2 && second?.length === 2 && first[0] !== second[0] && second.includes(first[0]!);
    },
  };
};

/** The steps of docs/calendar.md: all instances read both keys, then write with the new one, then forget the old one. */
const rotateEncryptionKey = (deps: RotationDeps): Rotation => {
  const { setting, replace, startBeside, stopBeside, google, databaseUrl } = deps;
  const newKey = randomBytes(32).toString('base64');
  const keys = async (): Promise<string[]> => {
    const rows = await statementOn(
      databaseUrl(),
      `select distinct split_part(refresh_token, '.', 2) as key from calendar_connection`,
    );
    return rows.map(({ key }) => String(key));
  };
  let oldKeys: string[] = [];
  const hasOnlyNew = async (): Promise<boolean> => {
    const now = await keys();
    return now.length > 0 && !now.some((key) => oldKeys.includes(key));
  };
  return {
    begin: async () => {
      const oldKey = setting('TOKEN_ENCRYPTION_KEY');
      oldKeys = await keys();
      await startBeside({ TOKEN_ENCRYPTION_KEY: `${oldKey},${newKey}` });
      await replace({ TOKEN_ENCRYPTION_KEY: `${oldKey},${newKey}` });
      await stopBeside();
      google.rotates = true;
      await startBeside({ TOKEN_ENCRYPTION_KEY: `${newKey},${oldKey}` });
      await replace({ TOKEN_ENCRYPTION_KEY: `${newKey},${oldKey}` });
      google.endAccessTokens();
    },
    end: async () => {
      google.endAccessTokens();
      await eventually(hasOnlyNew, 'each stored token has the new key', 10_000);
      await stopBeside();
      await startBeside({ TOKEN_ENCRYPTION_KEY: newKey });
      await replace({ TOKEN_ENCRYPTION_KEY: newKey });
      await stopBeside();
      google.rotates = false;
    },
    hasBegun: hasOnlyNew,
  };
};

/** The old secret of a client ends at once. The caller gets the new one a few seconds later, and its tokens stay valid. */
const rotateClientSecret = ({
  setting,
  databaseUrl,
}: RotationDeps): { readonly rotation: Rotation; readonly caller: Rotations['caller'] } => {
  const command = async (...words: string[]): Promise<Credentials> => {
    const { stdout } = await run(
      process.execPath,
      ['--import', './src/telemetry/preload.ts', 'scripts/operate/client.ts', ...words],
      {
        env: {
          PATH: process.env['PATH'],
          NODE_ENV: setting('NODE_ENV'),
          DATABASE_URL: databaseUrl(),
        },
      },
    );
    const field = (name: string): string => new RegExp(`^${name} +(.*)$`, 'm').exec(stdout)?.[1] ?? '';
    return { id: field('client_id'), secret: field('client_secret') };
  };
  let known: Promise<Credentials> | undefined;
  let next: Credentials | undefined;
  const caller = (): Promise<Credentials> =>
    (known ??= command('create', 'caller of the chaos run', '--scopes', 'market:refresh'));
  return {
    caller,
    rotation: {
      begin: async () => {
        next = await command('rotate', (await caller()).id);
      },
      end: async () => {
        if (next) known = Promise.resolve(next);
      },
      hasBegun: async () => next !== undefined,
    },
  };
};

export const createRotations = (deps: RotationDeps): Rotations => {
  const { rotation, caller } = rotateClientSecret(deps);
  return {
    signingKey: rotateSigningKey(deps),
    encryptionKey: rotateEncryptionKey(deps),
    clientSecret: rotation,
    caller,
  };
};
