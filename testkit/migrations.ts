import { Client } from 'pg';
import { createMigrator } from '#src/database/migrator.ts';
import { migrations } from '#src/database/migrations/index.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';

/** The migrated database that every test file's own one is cloned from. */
export const templateName = 'volwatch_template';

/** Made once a test run, by scripts/test.ts. */
export const createTemplate = async (adminUrl: string): Promise<void> => {
  const admin = new Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    await admin.query(`create database ${templateName}`);
  } finally {
    await admin.end();
  }
  const url = new URL(adminUrl);
  url.pathname = `/${templateName}`;
  await createMigrator({
    url: url.href,
    applicationName: 'tests',
    migrations,
    logger: silentLogger,
  }).up();
};
