import { createAuth, type Auth } from '../auth/auth.ts';
import { createBootstrapClients } from '../auth/clients.ts';
import { loadKeyRing, type KeyRing } from '../auth/key-ring.ts';
import { ConfigError, type Config } from '../config.ts';
import type { Base } from './base.ts';

/** @throws ConfigError for key material that cannot be used */
export const composeKeyRing = async ({ config, production }: Base): Promise<KeyRing> => {
  const { keyRing, faults } = await loadKeyRing({
    privateKeyPem: config.JWT_PRIVATE_KEY,
    publicKeys: config.JWT_PUBLIC_KEYS,
    directory: config.VOLWATCH_DIRECTORY,
    production,
  });
  if (faults) throw new ConfigError(faults);
  return keyRing;
};

const bootstrapClient = ({ BOOTSTRAP_CLIENT_ID: id, BOOTSTRAP_CLIENT_SECRET: secret }: Config) =>
  id === undefined || secret === undefined ? undefined : { id, secret };

export const composeAuth = ({ config, clock, metrics, faults }: Base, keyRing: KeyRing): Auth =>
  createAuth({
    keyRing,
    issuer: config.JWT_ISSUER,
    audience: config.JWT_AUDIENCE,
    publicUrl: config.PUBLIC_URL ?? `http://${config.HOST}:${config.PORT}`,
    accessTokenSeconds: config.ACCESS_TOKEN_EXPIRE_MINUTES * 60,
    clockToleranceSeconds: config.JWT_CLOCK_TOLERANCE_SECONDS,
    clients: createBootstrapClients(bootstrapClient(config)),
    clock,
    metrics,
    faults,
  });
