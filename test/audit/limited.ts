import type { ExecutionContext } from 'ava';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { createCreationQuota } from '#src/audit/creation-quota.ts';
import { createEndingLimit } from '#src/audit/ending-limit.ts';
import { ownerOfActor } from '#src/auth/owners/owner-of-actor.ts';
import type { AuditAction, AuditActor, AuditEvent } from '#src/kernel/ports/audit.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { setup } from './setup.ts';

export const dayMs = 86_400_000;
export const ada = { kind: 'user', subject: 'ada' } as const;

/** An audit trail with the limits of owners, and a clock that goes on when it is told. */
export const limited = async (t: ExecutionContext, maxPerDay: number, maxRefreshesPerDay = maxPerDay) => {
  const made = await setup(t);
  const reported: string[] = [];
  let now = Date.now();
  const audit = createAuditTrail({
    clock: { now: () => new Date(now), monotonic: () => now },
    metrics: made.metrics,
    ids: uuidv7,
    assertMayCreate: createCreationQuota({
      abuse: { refused: (kind) => void reported.push(kind) },
      ownerOfActor,
      maxPerDay,
      maxRefreshesPerDay,
    }),
    limitEndings: createEndingLimit({ ownerOfActor, maxPerDay }),
  });
  let number = 0;
  const record = (action: AuditAction, actor: AuditActor = ada, data: AuditEvent['data'] = {}) =>
    made.database.unitOfWork.run({ operation: 'auth.api_key' }, (transaction) => {
      number += 1;
      return audit.record(transaction, {
        stream: `api_key:${number}`,
        action,
        outcome: 'success',
        actor,
        target: `${number}`,
        data,
      } as AuditEvent);
    });
  return { ...made, audit, record, reported, advance: (ms: number) => (now += ms) };
};
