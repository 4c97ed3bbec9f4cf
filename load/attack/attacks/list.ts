import type { AbuseKind } from '#src/kernel/catalogue/abuse.ts';
import type { Attack } from '../attack.ts';
import {
  arrowViews,
  expansion,
  displacingBodies,
  emptyBodies,
  heldBodies,
  packedBlanks,
  redaction,
  slowBodies,
  structure,
  unexpectedBodies,
  wrongLengthArrow,
} from './bodies.ts';
import { largeCalendars } from './calendars.ts';
import { largeHeads, manySmallChunks } from './bursts.ts';
import { endlessPipelines, longPipelines, repeatedConnects, shortPipelines } from './connections.ts';
import {
  erasedOwner,
  foreignMessages,
  madeUpCredentials,
  manyKeys,
  registrations,
  resetMessages,
  wrongPasswords,
} from './credentials.ts';
import { slowRows } from './slow-rows.ts';
import { idleBodies, leavingClients, manySlowReaders, slowReaders, unreadDocuments } from './sockets.ts';
import { calendarsBesideWideTexts, wideTextsBesideGrids } from './memory.ts';
import { forecasts, leavingBesideSearches } from './queues.ts';
import { jobStorage, manyPages } from './storage.ts';
import { longTexts } from './texts.ts';
import { createUploadAttacks } from './uploads.ts';
import {
  datedDividends,
  emptyRows,
  explanations,
  gridsOfOutputs,
  hardCalibrations,
  hugeWork,
  impossibleVolatilities,
  largeGrids,
  longAnswers,
  longNames,
  longWork,
  manyBatches,
  manyOutputs,
  manySlowPrices,
  nearlyNoRate,
  nearlyNoTime,
  nearlyNoVolatility,
  numbersWithOneHash,
  searchesAtExpiry,
  sharedMetadata,
  slowRowsBehindFast,
  slowSearches,
  twoBoundaries,
  unknownNames,
} from './work.ts';

/** Called once, because all attacks by uploads share one well-behaved uploader, whose uploads follow each other. */
const uploads = createUploadAttacks();
const passwords = wrongPasswords();

/**
 * At least one attack for every kind of src/kernel/catalogue/abuse.ts. A new kind without an attack is a type error. A name
 * without brackets, such as `structure`, is a list of attacks.
 */
const byKind: Readonly<Record<AbuseKind, readonly [Attack, ...Attack[]]>> = {
  body_structure: [...structure, arrowViews, manySmallChunks, longNames],
  body_expansion: [...expansion, emptyBodies, uploads.decompressionBombs],
  body_slow: [slowBodies, uploads.slow],
  body_unexpected: [unexpectedBodies],
  body_backlog: [...idleBodies, heldBodies, displacingBodies, packedBlanks],
  concurrency_by_caller: [manyBatches, uploads.parallel, largeHeads],
  answer_slow: [slowReaders],
  answer_backlog: [manySlowReaders],
  work_estimate: [hugeWork, largeGrids],
  work_by_caller: [
    manySlowPrices,
    longWork,
    impossibleVolatilities,
    nearlyNoRate,
    nearlyNoVolatility,
    nearlyNoTime,
    slowRowsBehindFast,
    slowSearches,
    slowRows,
    twoBoundaries,
    hardCalibrations,
    emptyRows,
    longAnswers,
    manyOutputs,
    gridsOfOutputs,
    numbersWithOneHash,
  ],
  arrow_invalid: [wrongLengthArrow],
  login_throttled: [passwords],
  credentials_refused: [madeUpCredentials],
  credential_without_owner: [erasedOwner],
  mail_by_recipient: [resetMessages],
  mail_by_causer: [foreignMessages],
  storage_quota: [jobStorage],
  sync_memory: [largeCalendars],
};

/**
 * Attacks that no kind of refusal belongs to: they meet the request limits and the limits of connections and files, or are
 * answered, because each request costs little work. The checks of each attack and the good caller show whether they do harm.
 */
const withoutKind: readonly Attack[] = [
  shortPipelines,
  longPipelines,
  endlessPipelines,
  registrations,
  manyKeys,
  redaction,
  repeatedConnects,
  manyPages,
  leavingClients,
  leavingBesideSearches,
  forecasts,
  unknownNames,
  longTexts,
  sharedMetadata,
  datedDividends,
  searchesAtExpiry,
  explanations,
  wideTextsBesideGrids,
  calendarsBesideWideTexts,
  unreadDocuments,
  uploads.wideRows,
  uploads.hugeTexts,
  uploads.aborted,
];

/**
 * The attacks that the limits of the good caller were set for: crashes by bodies, and slots, answers, work, credentials and
 * storage that one client could use up. The others came later, one for each fault that was found. See docs/decisions/0341.
 */
const first = new Set<Attack>([
  ...structure,
  ...expansion,
  wrongLengthArrow,
  uploads.decompressionBombs,
  ...idleBodies,
  slowBodies,
  slowReaders,
  manySlowReaders,
  manyBatches,
  hugeWork,
  longWork,
  manySlowPrices,
  erasedOwner,
  passwords,
  registrations,
  jobStorage,
  manyKeys,
  unexpectedBodies,
  redaction,
  shortPipelines,
]);

export type ListedAttack = Attack & {
  /** One of those that the limits of the good caller were set for. */
  readonly isFirst: boolean;
  /** The kinds of refusal that are expected; empty if none is expected. */
  readonly kinds: readonly AbuseKind[];
};

export const attacks: readonly ListedAttack[] = [
  ...(Object.entries(byKind) as [AbuseKind, readonly Attack[]][]).flatMap(([kind, list]) =>
    list.map((attack) => ({ ...attack, isFirst: first.has(attack), kinds: [kind, ...(attack.orKinds ?? [])] })),
  ),
  ...withoutKind.map((attack) => ({ ...attack, isFirst: first.has(attack), kinds: [] })),
];
