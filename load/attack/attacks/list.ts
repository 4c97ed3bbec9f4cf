import type { AbuseKind } from '#src/kernel/catalogue/abuse.ts';
import type { Attack } from '../attack.ts';
import { expansion, wrongLengthArrow, slowBodies, structure, unexpectedBodies } from './bodies.ts';
import {
  erasedOwner,
  foreignMessages,
  madeUpCredentials,
  manyKeys,
  registrations,
  resetMessages,
  wrongPasswords,
} from './credentials.ts';
import {
  connects,
  endlessPipelines,
  jobStorage,
  longPipelines,
  manyPages,
  redaction,
  shortPipelines,
} from './others.ts';
import { idleBodies, manySlowReaders, slowReaders } from './sockets.ts';
import { createUploadAttacks } from './uploads.ts';
import { hugeWork, impossibleVolatilities, longWork, manyBatches, manySlowPrices, unknownNames } from './work.ts';

const uploads = createUploadAttacks();

/**
 * At least one attack for every kind of src/kernel/catalogue/abuse.ts. A new kind without an attack is a type error.
 */
const byKind: Readonly<Record<AbuseKind, readonly [Attack, ...Attack[]]>> = {
  body_structure: structure,
  body_expansion: [...expansion, uploads.bombs],
  body_slow: [slowBodies, uploads.slow],
  body_unexpected: [unexpectedBodies],
  body_backlog: idleBodies,
  concurrency_by_caller: [manyBatches, uploads.parallel],
  answer_slow: [slowReaders],
  answer_backlog: [manySlowReaders],
  work_estimate: [hugeWork],
  work_by_caller: [manySlowPrices, longWork, impossibleVolatilities],
  arrow_invalid: [wrongLengthArrow],
  login_throttled: [wrongPasswords()],
  credentials_refused: [madeUpCredentials],
  credential_without_owner: [erasedOwner],
  mail_by_recipient: [resetMessages],
  mail_by_causer: [foreignMessages],
  storage_quota: [jobStorage],
};

/** Request limits stop these attacks, or each request costs little work. No refusal of a specific kind is expected. */
const withoutKind: readonly Attack[] = [
  shortPipelines,
  longPipelines,
  endlessPipelines,
  registrations,
  manyKeys,
  redaction,
  connects,
  manyPages,
  unknownNames,
  uploads.wide,
  uploads.huge,
  uploads.aborted,
];

export type ListedAttack = Attack & {
  /** The kinds of refusal that are expected; empty if none is expected. */
  readonly kinds: readonly AbuseKind[];
};

export const attacks: readonly ListedAttack[] = [
  ...(Object.entries(byKind) as [AbuseKind, readonly Attack[]][]).flatMap(([kind, list]) =>
    list.map((attack) => ({ ...attack, kinds: [kind, ...(attack.orKinds ?? [])] })),
  ),
  ...withoutKind.map((attack) => ({ ...attack, kinds: [] })),
];
