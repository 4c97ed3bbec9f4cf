import type { CryptoKey } from 'jose';

export type SigningAlgorithm = 'RS256' | 'EdDSA';

/** A public JWK as the JWKS endpoint shows it. */
export type PublicJwk = {
  readonly kty: string;
  readonly kid: string;
  readonly use: 'sig';
  readonly alg: SigningAlgorithm;
  readonly n?: string;
  readonly e?: string;
  readonly crv?: string;
  readonly x?: string;
};

export type VerifyingKey = {
  /** The `kid` of the JWKS entry, else the RFC 7638 thumbprint. */
  readonly id: string;
  readonly thumbprint: string;
  readonly algorithm: SigningAlgorithm;
  readonly key: CryptoKey;
  readonly jwk: PublicJwk;
};

export type SigningKey = VerifyingKey & { readonly privateKey: CryptoKey };
