import { setTimeout as sleep } from 'node:timers/promises';
import {
  createAuditQueries,
  createAuditRoutes,
  createAuditTrail,
  createCreationQuota,
  createEndingLimit,
  createOperatorActions,
  createRefusalLimit,
} from '../../audit/index.ts';
import { ownerOfActor } from '../../auth/index.ts';
import type { Database } from '../../database/index.ts';
import type { AuditTrail } from '../../kernel/ports/audit.ts';
import { codeOf } from '../../kernel/catalogue/errors.ts';
import { uuidv7 } from '../../kernel/ids.ts';
import type { Cursors } from '../../kernel/lists/pagination.ts';
import type { Route } from '../../kernel/requests/route.ts';
import type { FaultChangeListener } from '../../telemetry/index.ts';
import type { Base } from '../base.ts';

export type Audit = {
  readonly trail: AuditTrail;
  readonly routes: readonly Route[];
  readonly onFaultChange: FaultChangeListener;
  readonly collect: () => Promise<void>;
};

const maxWaitMs = 1_000;

export const composeAudit = (base: Base, database: Database, cursors: Cursors): Audit => {
  const { clock, metrics, logger, config, abuse } = base;
  const refusals = createRefusalLimit({
    clock,
    maxPerHour: config.AUDIT_REFUSALS_PER_HOUR,
    maxOfAllPerHour: config.AUDIT_REFUSALS_OF_ALL_PER_HOUR,
  });
  const trail = createAuditTrail({
    clock,
    metrics,
    ids: uuidv7,
    refusals,
    assertMayCreate: createCreationQuota({
      abuse,
      ownerOfActor,
      maxPerDay: config.CREATIONS_PER_OWNER_PER_DAY,
      maxRefreshesPerDay: config.REFRESHES_PER_OWNER_PER_DAY,
    }),
    limitEndings: createEndingLimit({ ownerOfActor, maxPerDay: config.CREATIONS_PER_OWNER_PER_DAY }),
  });

  const recordFault: FaultChangeListener = (point, fault) =>
    database.unitOfWork.run({ operation: 'fault.change' }, (transaction) =>
      trail.record(transaction, {
        stream: `fault:${point}`,
        action: fault ? 'fault.injected' : 'fault.cleared',
        outcome: 'success',
        actor: { kind: 'operator', subject: null },
        target: point,
        data: { ...fault },
      }),
    );

  return {
    trail,
    routes: createAuditRoutes({ queries: createAuditQueries({ reader: database.reader }), cursors }),
    collect: createOperatorActions({ clock, metrics, reader: database.reader }),
    // A fault can be set while the database is down. Then the log line replaces the event.
    onFaultChange: async (point, fault) => {
      const recorded = recordFault(point, fault).catch((error: unknown) =>
        logger.error(
          { fault_point: point, fault, code: codeOf(error) },
          'a fault change is missing in the audit trail',
        ),
      );
      await Promise.race([recorded, sleep(maxWaitMs, undefined, { ref: false })]);
    },
  };
};
