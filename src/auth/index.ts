export { createAuth, type Auth } from './auth.ts';
export { createClientAdmin, type ClientAdmin, type ClientAdminDeps } from './clients/client-admin.ts';
export { derivedSecret } from './keys/derived-secret.ts';
export { loadKeyRing, type KeyRing } from './keys/key-ring.ts';
export { ownerOfActor } from './owners/owner-of-actor.ts';
export { createCredentialAdmin, type CredentialAdmin } from './owners/credential-admin.ts';
export { createMayAct, type MayAct } from './owners/may-act.ts';
export { createOwners } from './owners/owners.ts';
export type { RevocationFeed } from './tokens/revocations.ts';
