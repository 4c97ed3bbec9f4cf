/**
 * Manages credentials for operators while the service runs: `npm run credentials -- COMMAND`. The command uses
 * DATABASE_URL. Without it, outside production, it uses the local embedded database. Instances apply a change within
 * seconds.
 */
import { parseArgs } from 'node:util';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import type { CredentialAdmin } from '#src/auth/owners/credential-admin.ts';
import type { Ended } from '#src/auth/owners/end-credentials.ts';
import { composeCredentialAdmin } from '#src/compose/identity/credential-admin.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { noMetrics as metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import { runOnCommandLine, UsageError } from '../support/operator-command.ts';
import { withDatabase } from '../support/with-database.ts';

const usage = `usage: npm run credentials -- end-key KEY_ID     end one API key
       npm run credentials -- end-keys OWNER     end all API keys of a user or client
       npm run credentials -- end-all OWNER      end keys, sessions, refresh and access tokens, webhooks
       npm run credentials -- disable USER       as end-all; the user holds nothing and cannot sign in
       npm run credentials -- enable USER        undo disable; what has ended stays ended
       npm run credentials -- erase USER         as end-all; delete everything that is stored of the user
OWNER: user:ID, user:EMAIL or client:ID. USER: user:ID or user:EMAIL.`;

type Work = (admin: CredentialAdmin, argument: string) => Promise<string>;

const shown = ({ api_keys: keys, sessions, refresh_families: families, webhooks }: Ended): string =>
  `API keys: ${keys}, sessions: ${sessions}, refresh families: ${families}, webhooks: ${webhooks}`;

const userIn = ({ kind, id }: Owner): string => {
  if (kind !== 'user') throw new UsageError('this command takes a user');
  return id;
};

const commands: Readonly<Record<string, Work>> = {
  'end-key': async (admin, id) => {
    await admin.endKey(id);
    return 'Ended: 1 API key.';
  },
  'end-keys': async (admin, owner) => `Ended: API keys: ${await admin.endKeys(await admin.find(owner))}.`,
  'end-all': async (admin, text) => {
    const owner = await admin.find(text);
    const ended = shown(await admin.endAll(owner));
    // The client of the configuration and users of the earlier system have no row.
    const note = (await admin.isStored(owner)) ? '' : ` No ${owner.kind} with this id is stored here: check the id.`;
    return `Ended: ${ended}. Access tokens are refused within seconds.${note}`;
  },
  disable: async (admin, user) => `Disabled. Ended: ${shown(await admin.disable(userIn(await admin.find(user))))}.`,
  enable: async (admin, user) => {
    await admin.enable(userIn(await admin.find(user)));
    return 'Enabled.';
  },
  erase: async (admin, user) => `Erased. Ended: ${shown(await admin.erase(userIn(await admin.find(user))))}.`,
};

/** Parses and validates the arguments before the command connects to the database. */
const readCommand = (): ((admin: CredentialAdmin) => Promise<string>) => {
  const options = { help: { type: 'boolean', short: 'h' } } as const;
  const { positionals, values } = parseArgs({ allowPositionals: true, options });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const [command = '', argument, ...rest] = positionals;
  const work = Object.hasOwn(commands, command) ? commands[command] : undefined;
  if (!work) throw new UsageError(command === '' ? 'no command' : `unknown command: ${command}`);
  if (argument === undefined) throw new UsageError(`${command} what?`);
  if (rest.length > 0) throw new UsageError(`unexpected: ${rest.join(' ')}`);
  return (admin) => work(admin, argument);
};

await runOnCommandLine(usage, async () => {
  const command = readCommand();
  return withDatabase('volwatch-credentials', async ({ unitOfWork, reader, migrator }) => {
    await migrator.up();
    const audit = createAuditTrail({ clock, metrics, ids: uuidv7 });
    console.log(await command(composeCredentialAdmin({ unitOfWork, reader, audit, clock })));
    return 0;
  });
});
