export { createAuth, type Auth } from './auth.ts';
export { derivedSecret } from './keys/derived-secret.ts';
export { loadKeyRing, type KeyRing } from './keys/key-ring.ts';
export { actingSubjects } from './owners/acting-subjects.ts';
export { createCredentialAdmin, type CredentialAdmin } from './owners/credential-admin.ts';
export { createEndedKeys } from './owners/ended-keys.ts';
export { createMayAct, type MayAct } from './owners/may-act.ts';
export { createOwners } from './owners/owners.ts';
export type { RevocationFeed } from './tokens/revocations.ts';
