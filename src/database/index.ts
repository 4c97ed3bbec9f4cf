export { createDatabase, type Database } from './database.ts';
export { isStatementOrder, topStatements } from './statement-statistics.ts';
export { createTableSizes } from './table-sizes.ts';
