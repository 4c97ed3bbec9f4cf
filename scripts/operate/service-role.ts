import { readFileSync } from 'node:fs';
import { escapeLiteral } from 'pg';
import type { Database } from '#src/database/database.ts';

const file = new URL('../../deploy/postgres/service-role.sql', import.meta.url);

/**
 * Gives the role of the service its rights on the tables that exist now. A new table gives no rights by itself, so this
 * runs after each migration.
 * @throws Error if the role does not exist or has the rights of the owner
 */
export const grantServiceRole = async ({ execute }: Pick<Database, 'execute'>, role: string): Promise<void> => {
  // Statements that are sent together are one transaction, so the setting ends with it.
  const setting = `select set_config('volwatch.service_role', ${escapeLiteral(role)}, true)`;
  await execute(`${setting};\n${readFileSync(file, 'utf8')}`);
};
