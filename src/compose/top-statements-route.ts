import { isStatementOrder, topStatements, type StatementOrder } from '../database/index.ts';
import { AppError } from '../kernel/catalogue/errors.ts';
import type { Clock } from '../kernel/ports/clock.ts';
import type { Reader } from '../kernel/ports/unit-of-work.ts';
import { createSharedReplies, type AdminRoute } from '../telemetry/index.ts';

const maxTopStatements = 25;

export type TopStatementsDeps = { readonly reader: Reader; readonly clock: Pick<Clock, 'monotonic'> };

/**
 * `GET /queries/top` of the admin port. It needs no credentials, and each reply is a statement: requests share replies, so that
 * they take at most one of the connections that the API needs.
 */
export const topStatementsRoute = ({ reader, clock }: TopStatementsDeps): AdminRoute => {
  const replyOf = createSharedReplies<StatementOrder>({ clock });
  return {
    method: 'GET',
    path: '/queries/top',
    handle: ({ query }) => {
      const order = query.get('order') ?? 'total';
      if (!isStatementOrder(order)) throw new AppError('validation_failed', 'order is total, mean or calls');
      const make = async () => {
        const data = await topStatements(reader, { order, limit: maxTopStatements });
        return { status: 200, contentType: 'application/json', body: JSON.stringify({ data }) };
      };
      return replyOf(order, { make });
    },
  };
};
