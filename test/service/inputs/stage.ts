import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, takeToken, type Teardown } from '#testkit/running-service.ts';
import { startGoogleServer } from '#testkit/servers/google-server.ts';
import { connectCalendar } from '../../../scripts/verify/traffic.ts';
import type { Document } from '../../http/fuzz/requests.ts';
import { serveProduction } from '../attacks/production.ts';
import { createCallers } from './callers.ts';
import { declaredOperations } from './declared-inputs.ts';
import { createSender } from './send.ts';

/** The service with its sample data, the callers, and all operations that it declares. */
export const startStage = async (t: Teardown) => {
  const database = await setupDatabase(t);
  const google = await startGoogleServer(t);
  const service = await serveProduction(t, database, {
    ...google.environment,
    // No server listens there: messages wait.
    SMTP_URL: 'smtp://127.0.0.1:9',
    MAIL_FROM: 'volwatch@example.org',
    PASSWORD_HASH_MEMORY_KIB: '7168',
    PASSWORD_HASH_PASSES: '1',
    PASSWORD_HASH_QUEUE: '1000',
    UPLOADS_LIMIT: '100',
    WEBHOOKS_PER_OWNER: '1000',
    API_KEYS_PER_OWNER: '1000',
    CREATIONS_PER_OWNER_PER_DAY: '1000000',
    REFRESHES_PER_OWNER_PER_DAY: '1000000',
    // A good answer fits its schema, else it is logged as an error.
    RESPONSE_VALIDATION_PERCENT: '100',
    RATE_LIMIT_ACCOUNT_ATTEMPTS: '100000',
    RATE_LIMIT_ACCOUNT_ATTEMPTS_ELSEWHERE: '100000',
  });
  await service.ready();
  const isLoaded = async () => (await call(`${service.url}/api/v1/assets/AAPL`)).status === 200;
  await eventually(isLoaded, 'the sample data are loaded', 60_000);
  const { send, close } = createSender(service.url);
  t.teardown(close);
  const callers = await createCallers(service, database);
  await connectCalendar({ service, google }, await takeToken(service));
  const document = (await call(`${service.url}/openapi.json`)).body as unknown as Document;
  // Deletions are last, because other operations need what they delete.
  const operations = declaredOperations(document).toSorted(
    (one, other) => Number(one.method === 'DELETE') - Number(other.method === 'DELETE'),
  );
  return { service, document, operations, send, callers };
};
