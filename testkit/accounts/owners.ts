import { createOwners, type OwnersDeps } from '#src/auth/owners/owners.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { noRoles } from '#src/kernel/ports/roles.ts';
import type { Owners } from '#src/kernel/ports/owners.ts';

/** The owners of a test database, read for each question. `desk` is the client of the configuration. */
export const ownersOf = ({ reader, ...changes }: Pick<OwnersDeps, 'reader'> & Partial<OwnersDeps>): Owners =>
  createOwners({
    reader,
    clock: systemClock,
    roles: noRoles,
    bootstrap: { id: 'desk' },
    cacheMs: 0,
    verificationRequired: false,
    ...changes,
  });
