import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { BoundedWorkName } from '#src/kernel/catalogue/bounded-works.ts';
import { assertOutsideTransaction } from '#src/kernel/ports/unit-of-work.ts';
import { createBoundedWork, type BoundedWorkOptions } from '#src/kernel/requests/callers/bounded-work.ts';

/** Parameters of argon2id (RFC 9106). The OWASP minimum is 19 MiB, 2 passes and 1 lane. */
type HashParameters = {
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
};

/** How secrets are hashed, how many at once, and how many wait. */
export type SecretHashing = HashParameters & Pick<BoundedWorkOptions, 'concurrency' | 'queue'>;

export type SecretHasherOptions = SecretHashing &
  Pick<BoundedWorkOptions, 'metrics'> & { readonly work: Extract<BoundedWorkName, 'password' | 'client_secret'> };

export type SecretHasher = {
  /** @returns a PHC string with a new salt */
  readonly hash: (secret: string) => Promise<string>;
  /**
   * @param stored a PHC string; undefined (no account) takes the same time and is never valid
   * @returns `outdated`: the secret is valid, and the hash has other parameters than the current ones
   */
  readonly verify: (
    secret: string,
    stored: string | undefined,
  ) => Promise<{ readonly valid: boolean; readonly outdated: boolean }>;
};

const saltBytes = 16;
const hashBytes = 32;
const derive = promisify(argon2);

type Stored = HashParameters & { readonly salt: Buffer; readonly hash: Buffer };

const unpadded = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replaceAll('=', '');

const format = ({ memoryKib, passes, parallelism, salt, hash }: Stored): string =>
  `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(hash)}`;

const parse = (text: string): Stored => {
  const found = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(text);
  if (!found) throw new Error('A stored secret is not an argon2id hash');
  const [memoryKib, passes, parallelism] = found.slice(1, 4).map(Number);
  return {
    memoryKib: memoryKib!,
    passes: passes!,
    parallelism: parallelism!,
    salt: Buffer.from(found[4]!, 'base64'),
    hash: Buffer.from(found[5]!, 'base64'),
  };
};

/**
 * Hashes secrets on the libuv thread pool. The pool has four threads, which also verify token signatures. Therefore
 * `concurrency` should be below four. The bounded queue limits memory.
 * @throws AppError `overloaded` from both functions when the queue is full
 */
export const createSecretHasher = (options: SecretHasherOptions): SecretHasher => {
  const { memoryKib, passes, parallelism } = options;
  const work = createBoundedWork({ ...options, detail: 'Too many sign-ins are being checked', retryAfter: 1 });

  const digest = async (secret: string, salt: Buffer, using: HashParameters, length: number): Promise<Buffer> => {
    assertOutsideTransaction('The hash of a secret');
    return work.run(() =>
      derive('argon2id', {
        message: secret.normalize('NFKC'),
        nonce: salt,
        memory: using.memoryKib,
        passes: using.passes,
        parallelism: using.parallelism,
        tagLength: length,
      }),
    );
  };

  const noAccount: Stored = {
    memoryKib,
    passes,
    parallelism,
    salt: randomBytes(saltBytes),
    hash: randomBytes(hashBytes),
  };

  return {
    hash: async (secret) => {
      const salt = randomBytes(saltBytes);
      const hash = await digest(secret, salt, options, hashBytes);
      return format({ memoryKib, passes, parallelism, salt, hash });
    },
    verify: async (secret, stored) => {
      const expected = stored === undefined ? noAccount : parse(stored);
      const actual = await digest(secret, expected.salt, expected, expected.hash.length);
      const valid = timingSafeEqual(actual, expected.hash) && stored !== undefined;
      const same =
        expected.memoryKib === memoryKib && expected.passes === passes && expected.parallelism === parallelism;
      return { valid, outdated: valid && !same };
    },
  };
};
