export { createDatabase, type Database } from './database.ts';
export { isStatementOrder, topStatements, type StatementOrder } from './statements/statement-statistics.ts';
export { createServerConnections } from './statements/server-connections.ts';
export { createTableSizes } from './statements/table-sizes.ts';
