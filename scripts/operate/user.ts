/**
 * Manages the rights of users for operators while the service runs: `npm run user -- COMMAND`. The command uses
 * DATABASE_URL and ROLES. Without DATABASE_URL, outside production, it uses the local embedded database. Instances apply
 * a change within seconds (OWNER_CACHE_MS).
 */
import { parseArgs } from 'node:util';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { createUserAdmin, type UserAdmin, type UserChanges } from '#src/auth/administration/user-admin.ts';
import type { ManagedUser } from '#src/auth/administration/user-queries.ts';
import { createEndCredentials } from '#src/auth/owners/end-credentials.ts';
import { runOperatorCommand } from '#src/auth/measured.ts';
import { loadConfig } from '#src/config/config.ts';
import { noMail } from '#src/kernel/ports/account/mail.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { noMetrics as metrics } from '#src/kernel/catalogue/metrics.ts';
import { silentLogger as logger } from '#src/kernel/ports/logger.ts';
import { scopes as knownScopes, type Scope } from '#src/kernel/requests/principal.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { Roles } from '#src/kernel/ports/roles.ts';
import { removeWebhooksOf } from '#src/webhooks/retention.ts';
import { runOnCommandLine, UsageError } from '../support/operator-command.ts';
import { withDatabase } from '../support/with-database.ts';

const usage = `usage: npm run user -- list [--role ROLE]       all users, oldest first
       npm run user -- show USER                one user
       npm run user -- grant USER SCOPE...      give scopes to the account
       npm run user -- withdraw USER SCOPE...   take scopes from the account; those of the role stay
       npm run user -- role USER ROLE           give a role of the setting ROLES
       npm run user -- disable USER             end all credentials and webhooks; the user cannot sign in
       npm run user -- enable USER              undo disable; what has ended stays ended
       npm run user -- remove-totp USER         remove the second factor of a user who has lost it
       npm run user -- end-sessions USER        end sessions, refresh tokens and access tokens; API keys stay
USER: an id or an e-mail address. SCOPE: ${knownScopes.join(', ')}.`;

type Work = (admin: UserAdmin) => Promise<string>;

const addressOf = ({ verified, contested }: ManagedUser): string => {
  if (verified) return 'verified';
  return contested ? 'contested' : 'unverified';
};

const line = (user: ManagedUser): string => {
  const { id, email, role, scopes, heldScopes, disabled, createdAt } = user;
  return [
    id,
    email,
    role,
    `account:${scopes.join(',') || '-'}`,
    `holds:${heldScopes.join(',') || '-'}`,
    disabled ? 'disabled' : 'enabled',
    addressOf(user),
    createdAt.toISOString(),
  ].join('\t');
};

const pageSize = 500;

const list = async (admin: UserAdmin, role: string | undefined): Promise<string> => {
  const lines: string[] = [];
  for (let after: string | null = null; ;) {
    const wanted = { after, from: null, to: null, limit: pageSize };
    const page: readonly ManagedUser[] = await runOperatorCommand('list_users', () => admin.list({ role }, wanted));
    lines.push(...page.map(line));
    after = page.at(-1)?.id ?? null;
    if (page.length < pageSize) return lines.join('\n') || 'There are no such users.';
  }
};

const readScopes = (names: readonly string[]): Scope[] => {
  const unknown = names.filter((name) => !knownScopes.some((scope) => scope === name));
  if (names.length === 0) throw new UsageError('which scopes?');
  if (unknown.length > 0) throw new UsageError(`unknown scope: ${unknown.join(', ')}`);
  return knownScopes.filter((scope) => names.includes(scope));
};

const changed = (admin: UserAdmin, user: string, decide: (current: ManagedUser) => UserChanges): Promise<ManagedUser> =>
  runOperatorCommand('change_user', async () => admin.change(await admin.idOf(user), decide, 'operator'));

const change =
  (user: string, decide: (current: ManagedUser) => UserChanges): Work =>
  async (admin) =>
    line(await changed(admin, user, decide));

const withdraw = (user: string, scopes: readonly Scope[]): Work => {
  const decide = (current: ManagedUser): UserChanges => ({
    scopes: current.scopes.filter((scope) => !scopes.includes(scope)),
  });
  return async (admin) => {
    const after = await changed(admin, user, decide);
    const kept = scopes.filter((scope) => after.heldScopes.includes(scope));
    const note = kept.length > 0 ? `\nThe role ${after.role} still gives ${kept.join(', ')}: change the role.` : '';
    return line(after) + note;
  };
};

type Command = (words: readonly string[], roles: Roles) => Work;

const only = <Value>(rest: readonly string[], value: Value): Value => {
  if (rest.length > 0) throw new UsageError(`unexpected: ${rest.join(' ')}`);
  return value;
};

const commands: Readonly<Record<string, (user: string, ...rest: Parameters<Command>) => Work>> = {
  show: (user, rest) =>
    only(rest, async (admin) =>
      line(await runOperatorCommand('show_user', async () => admin.find(await admin.idOf(user)))),
    ),
  grant: (user, rest) => {
    const scopes = readScopes(rest);
    return change(user, (current) => ({ scopes: [...current.scopes, ...scopes] }));
  },
  withdraw: (user, rest) => withdraw(user, readScopes(rest)),
  role: (user, [role = '', ...rest], roles) => {
    if (!roles.has(role)) throw new UsageError(`unknown role; ROLES has ${[...roles.keys()].join(', ')}`);
    return only(
      rest,
      change(user, () => ({ role })),
    );
  },
  disable: (user, rest) =>
    only(
      rest,
      change(user, () => ({ disabled: true })),
    ),
  enable: (user, rest) =>
    only(
      rest,
      change(user, () => ({ disabled: false })),
    ),
  'remove-totp': (user, rest) =>
    only(rest, async (admin) => {
      await runOperatorCommand('remove_second_factor', async () =>
        admin.removeSecondFactor(await admin.idOf(user), 'operator'),
      );
      return 'Removed: the second factor and its recovery codes.';
    }),
  'end-sessions': (user, rest) =>
    only(rest, async (admin) => {
      const ended = await runOperatorCommand('end_sessions', async () =>
        admin.endSessions(await admin.idOf(user), 'operator'),
      );
      return `Ended: sessions: ${ended.sessions}, refresh families: ${ended.refresh_families}.`;
    }),
};

/** Parses and validates the arguments before the command connects to the database. */
const readCommand = (roles: Roles): Work => {
  const options = { role: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
  const { positionals, values } = parseArgs({ allowPositionals: true, options });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const [name = '', user, ...rest] = positionals;
  if (name === 'list' && user === undefined) return (admin) => list(admin, values.role);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new UsageError(name === '' ? 'no command' : `unknown command: ${name}`);
  if (user === undefined) throw new UsageError(`${name} which user?`);
  return command(user, rest, roles);
};

/**
 * Whether the service beside this command sends mail, so that its owner can prove an address. The shell of an operator often lacks SMTP_URL, and without this
 * the rule that rights need a proved address would not hold there.
 */
const sendsMail = async ({ query }: Reader): Promise<boolean> => {
  const [found] = await query<{ sends: boolean }>(
    `select exists (select 1 from mail_message where state = 'sent')
       or exists (select 1 from user_account where email_verified_at is not null and legacy_id is null) as sends`,
  );
  return found!.sends;
};

await runOnCommandLine(usage, async () => {
  const { ROLES: roles, SMTP_URL: smtp } = loadConfig();
  const command = readCommand(roles);
  return withDatabase('volwatch-user', async ({ unitOfWork, reader, migrator }) => {
    await migrator.up();
    const audit = createAuditTrail({ clock, metrics, ids: uuidv7 });
    const end = createEndCredentials({
      audit,
      clock,
      removeWebhooks: (transaction, owner, actor) => removeWebhooksOf(transaction, owner, { audit, actor }),
    });
    const verifiedForRights = smtp !== undefined || (await sendsMail(reader));
    const owners = { assertHolds: async () => {} };
    const deps = { unitOfWork, reader, audit, mail: noMail, logger, owners, roles, end, verifiedForRights };
    console.log(await command(createUserAdmin(deps)));
    return 0;
  });
});
