import { createMayAct, createOwners, type MayAct } from '../../auth/index.ts';
import type { Config } from '../../config/index.ts';
import type { Database } from '../../database/index.ts';
import { ownerOf, type AssertCallerHolds, type AssertCallerMayStore, type Owners } from '../../kernel/ports/owners.ts';
import { currentRequest } from '../../kernel/requests/request-context.ts';
import type { Base } from '../base.ts';

/**
 * The client from the environment, or undefined. Every process needs it, also workers, because it can own keys and
 * webhooks.
 */
export const bootstrapClient = ({ BOOTSTRAP_CLIENT_ID: id, BOOTSTRAP_CLIENT_SECRET: secret }: Config) =>
  id === undefined || secret === undefined ? undefined : { id, secret };

export type OwnerParts = {
  readonly owners: Owners;
  readonly mayAct: MayAct;
  readonly assertCallerMayStore: AssertCallerMayStore;
  readonly assertCallerHolds: AssertCallerHolds;
};

/** A process without a request stores nothing for a caller, so it needs no check. */
export const callerMayStore =
  (owners: Pick<Owners, 'assertMayStore'>): AssertCallerMayStore =>
  async (query) => {
    const principal = currentRequest()?.principal;
    const owner = principal && ownerOf(principal);
    if (owner) await owners.assertMayStore(query, owner, principal);
  };

export const callerHolds =
  (owners: Pick<Owners, 'assertHolds'>): AssertCallerHolds =>
  async (query, scope) => {
    const principal = currentRequest()?.principal;
    if (principal) await owners.assertHolds(query, principal, scope);
  };

/** The current state and scopes of owners, for authentication, webhooks, pricing jobs and stored answers. */
export const composeOwners = ({ config, clock }: Base, { reader }: Database): OwnerParts => {
  const owners = createOwners({
    reader,
    clock,
    roles: config.ROLES,
    bootstrap: bootstrapClient(config),
    cacheMs: config.OWNER_CACHE_MS,
    verificationRequired: config.EMAIL_VERIFICATION === 'required',
  });
  return {
    owners,
    mayAct: createMayAct({ reader, owners, clock, foreignUsers: config.JWT_FOREIGN_USERS }),
    assertCallerMayStore: callerMayStore(owners),
    assertCallerHolds: callerHolds(owners),
  };
};
