/**
 * Manages OAuth clients for operators: `npm run client -- create NAME --scopes a,b | rotate ID | revoke ID | list`. A
 * secret is printed only once. The command uses DATABASE_URL. Without it, outside production, it uses the local
 * embedded database.
 */
import { parseArgs } from 'node:util';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import type { ClientAdmin } from '#src/auth/index.ts';
import { createSecretHasher } from '#src/auth/secrets/secret-hasher.ts';
import { composeClientAdmin } from '#src/compose/identity/client-admin.ts';
import { hashingOf } from '#src/compose/identity/hashing.ts';
import { loadConfig } from '#src/config/config.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { noMetrics as metrics } from '#src/kernel/catalogue/metrics.ts';
import { scopes as knownScopes, type Scope } from '#src/kernel/requests/principal.ts';
import { runOnCommandLine, UsageError } from '../support/operator-command.ts';
import { withDatabase } from '../support/with-database.ts';

const usage = `usage: npm run client -- create NAME --scopes SCOPE[,SCOPE...]
       npm run client -- rotate ID
       npm run client -- revoke ID
       npm run client -- list
scopes: ${knownScopes.join(', ')}`;

const readScopes = (text: string | undefined): Scope[] => {
  const named = (text ?? '').split(',').filter((name) => name !== '');
  const unknown = named.filter((name) => !knownScopes.some((scope) => scope === name));
  if (text === undefined || unknown.length > 0) {
    throw new UsageError(text === undefined ? '--scopes is missing' : `unknown scope: ${unknown.join(', ')}`);
  }
  return knownScopes.filter((scope) => named.includes(scope));
};

const show = ({ id, secret }: { readonly id: string; readonly secret: string }): void => {
  console.log(`client_id      ${id}\nclient_secret  ${secret}\nThe secret is shown this once only.`);
};

/** Parses and validates the arguments before the command connects to the database. */
const readCommand = (): ((admin: ClientAdmin) => Promise<void>) => {
  const options = { scopes: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
  const { positionals, values } = parseArgs({ allowPositionals: true, options });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const [command, argument, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`unexpected: ${rest.join(' ')}`);
  if (command === 'list' && argument === undefined) {
    return async (admin) => {
      for (const { id, name, scopes, created_at: created, revoked_at: revoked } of await admin.list()) {
        const state = revoked ? `revoked ${revoked.toISOString()}` : 'active';
        console.log([id, name, scopes.join(',') || '-', created.toISOString(), state].join('\t'));
      }
    };
  }
  if (argument === undefined) throw new UsageError(command === undefined ? 'no command' : `${command} what?`);
  if (command === 'create') {
    const scopes = readScopes(values.scopes);
    return async (admin) => show(await admin.create({ name: argument, scopes }));
  }
  if (command === 'rotate') {
    return async (admin) => {
      show(await admin.rotate(argument));
      console.log(
        `Its access tokens are refused within seconds. API keys and webhooks stay: npm run credentials -- end-keys client:${argument}`,
      );
    };
  }
  if (command === 'revoke') {
    return async (admin) => {
      await admin.revoke(argument);
      console.log(
        `Revoked: ${argument}. Its access tokens and API keys are refused within seconds. Its webhooks and calendar are removed.`,
      );
    };
  }
  throw new UsageError(`unknown command: ${command}`);
};

await runOnCommandLine(usage, async () => {
  const command = readCommand();
  return withDatabase('volwatch-client', async ({ unitOfWork, reader, migrator }) => {
    await migrator.up();
    const audit = createAuditTrail({ clock, metrics, ids: uuidv7 });
    const hasher = createSecretHasher({ ...hashingOf(loadConfig()), metrics: noMetrics, work: 'client_secret' });
    await command(composeClientAdmin({ unitOfWork, reader, audit, clock, hasher }));
    return 0;
  });
});
