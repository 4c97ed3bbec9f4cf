import type { Cell } from './cell.ts';
import { collectorCells } from './cells/collector.ts';
import { faultPointCells } from './cells/fault-points.ts';
import { googleCalendarCells } from './cells/google-calendar.ts';
import { postgresCells } from './cells/postgres.ts';
import { postgresTopologyCells } from './cells/postgres-topologies.ts';
import { processCells } from './cells/process.ts';
import { redisTopologyCells } from './cells/redis-topologies.ts';
import { redisCells } from './cells/redis.ts';
import { replicaCells } from './cells/replica.ts';
import { rotationCells } from './cells/rotations.ts';
import { smtpCells } from './cells/smtp.ts';
import { tiingoCells } from './cells/tiingo.ts';
import { twelveDataCells } from './cells/twelve-data.ts';
import { workerCells } from './cells/workers.ts';

/**
 * All cells. The process cells are the last with the usual world, because they replace the process. The others have worlds
 * of their own.
 */
export const matrix: readonly Cell[] = [
  ...faultPointCells,
  ...redisCells,
  ...replicaCells,
  ...twelveDataCells,
  ...tiingoCells,
  ...googleCalendarCells,
  ...smtpCells,
  ...postgresCells,
  ...workerCells,
  ...collectorCells,
  ...rotationCells,
  ...processCells,
  ...redisTopologyCells,
  ...postgresTopologyCells,
];
