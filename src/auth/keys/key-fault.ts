/** An unusable key. The message names the fault and never contains key material. */
export class KeyFault extends Error {
  override readonly name: string = 'KeyFault';
}

/**
 * A private key where a public one belongs. It stops the start also beside usable keys, because whoever can read the
 * public keys can then sign tokens, and an operator must replace the key.
 */
export class PrivateKeyFault extends KeyFault {
  override readonly name = 'PrivateKeyFault';

  constructor() {
    super('holds private key material');
  }
}
