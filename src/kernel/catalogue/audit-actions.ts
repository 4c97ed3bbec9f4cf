/** Actions whose events of one actor are counted together. The number in a day (UTC) and in 30 days has a max, and more are refused. */
export const auditQuotaGroups = [
  'creations',
  'protections',
  'sign_ins',
  'exports',
  'changes',
  'password_changes',
  'universe_changes',
  'administration',
  'refreshes',
] as const;
export type AuditQuotaGroup = (typeof auditQuotaGroups)[number];

/**
 * What bounds the events of an action, because events are never deleted. A name of `auditQuotaGroups`: the quota of that group.
 *
 * - `following`: each event follows one that is counted, or comes once for an object, or comes from the service itself.
 * - `ending`: an end of credentials. It must always be possible, so it is never refused. Those of one actor and its own
 *   credentials are recorded up to a max in a day and in 30 days. An administrator who ends those of others is trusted.
 * - `refusal`: the limit of refusals (AUDIT_REFUSALS_PER_HOUR). Its outcome is always `refused`. Where an answer hides whether
 *   an account exists, only `refuse` of the trail records one, because the work depends on what the stream has.
 * - `operator`: only the command line and the admin port cause it.
 * - `limited`: registrations by network and day, also of addresses that have an account; messages by recipient, account and network.
 */
export type AuditGrowth = AuditQuotaGroup | 'following' | 'ending' | 'refusal' | 'operator' | 'limited';

/** Names of events (the object, then the verb in the past tense), and what bounds the number of each. */
export const auditGrowth = {
  'refresh.queued': 'refreshes',
  'refresh.started': 'refreshes',
  'refresh.applied': 'following',
  'refresh.succeeded': 'following',
  'refresh.rolled_back': 'following',
  'refresh.failed': 'following',
  'refresh.removed': 'following',
  'universe.created': 'universe_changes',
  'universe.changed': 'universe_changes',
  'universe.deleted': 'following',
  'user.registered': 'limited',
  'user.registration_refused': 'limited',
  'user.changed': 'administration',
  'user.change_refused': 'refusal',
  // Each ends at least one sign-in, and sign-ins are counted. Revoked tokens must not use up its place.
  'user.sessions_ended': 'following',
  'user.disabled': 'following',
  'user.enabled': 'administration',
  'user.credentials_ended': 'operator',
  'user.erased': 'following',
  'user.second_factor_enabled': 'protections',
  'user.second_factor_removed': 'following',
  'user.second_factor_required': 'refusal',
  'user.second_factor_refused': 'refusal',
  'user.recovery_code_used': 'following',
  'user.signed_in': 'sign_ins',
  'user.signed_out': 'following',
  'user.sign_in_refused': 'refusal',
  'user.sign_in_throttled': 'refusal',
  'refusals.counted': 'refusal',
  'user.password_rehashed': 'following',
  'user.password_changed': 'password_changes',
  'user.password_refused': 'refusal',
  'user.password_reset_requested': 'limited',
  'user.password_reset': 'following',
  'user.removal_requested': 'following',
  'user.removal_cancelled': 'following',
  'user.data_exported': 'exports',
  'user.profile_changed': 'changes',
  'user.settings_changed': 'changes',
  'user.preset_stored': 'changes',
  'user.preset_removed': 'following',
  'user.email_verified': 'following',
  'user.email_change_requested': 'protections',
  'user.email_changed': 'following',
  'csrf.refused': 'refusal',
  'token.revoked': 'ending',
  // Not a refusal: it ends the sign-in, and anybody can use up the number of refusals.
  'refresh_token.reused': 'following',
  'client.created': 'operator',
  'client.rotated': 'operator',
  'client.revoked': 'operator',
  'client.refused': 'refusal',
  'client.credentials_ended': 'operator',
  // Of a rotation it does not count: `api_key.rotated` does.
  'api_key.created': 'creations',
  'api_key.changed': 'changes',
  'api_key.rotated': 'protections',
  'api_key.revoked': 'following',
  'api_key.refused': 'refusal',
  'webhook.created': 'creations',
  'webhook.tested': 'changes',
  'webhook.deleted': 'following',
  'webhook.rotated': 'protections',
  'webhook.disabled': 'following',
  'webhook.enabled': 'following',
  'calendar.connected': 'creations',
  'calendar.disconnected': 'following',
  'calendar.reauthorization_required': 'following',
  'fault.injected': 'operator',
  'fault.cleared': 'operator',
} as const satisfies Readonly<Record<string, AuditGrowth>>;

export type AuditAction = keyof typeof auditGrowth;
export const auditActions = Object.keys(auditGrowth) as readonly AuditAction[];

/** The actions with this bound. */
type ActionsOf<Growth extends AuditGrowth> = {
  [Action in AuditAction]: (typeof auditGrowth)[Action] extends Growth ? Action : never;
}[AuditAction];
export type RefusalAction = ActionsOf<'refusal'>;
/**
 * Who can cause a refusal: anybody; somebody who has shown a password, a session or a token; somebody who has an API key that has ended. Each cause has
 * windows and limits of its own. Otherwise anybody, or a client with an ended key, could hide that a stranger has the password.
 */
export const refusalCauses = ['anybody', 'credential', 'key'] as const;
export type RefusalCause = (typeof refusalCauses)[number];

const causes: Readonly<Partial<Record<AuditAction, RefusalCause>>> = {
  'user.second_factor_required': 'credential',
  'user.second_factor_refused': 'credential',
  'user.password_refused': 'credential',
  'csrf.refused': 'credential',
  'api_key.refused': 'key',
} satisfies Readonly<Partial<Record<RefusalAction, RefusalCause>>>;

export const refusalCauseOf = (action: AuditAction): RefusalCause => causes[action] ?? 'anybody';

const registrationRefused = 'user.registration_refused';
/**
 * Whether a refusal is recorded whatever its stream has. A registration of an address with an account must do the same work as one of a new address, which
 * records one event.
 */
export const hasAlwaysAnEvent = (action: AuditAction): boolean => action === registrationRefused;

/** Actions that are no refusals: they were done, or failed. */
export type DoneAction = Exclude<AuditAction, RefusalAction | typeof registrationRefused>;

export const auditActionsOf = (growth: AuditGrowth): readonly AuditAction[] =>
  auditActions.filter((action) => auditGrowth[action] === growth);
