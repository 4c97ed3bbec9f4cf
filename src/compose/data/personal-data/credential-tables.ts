import type { PersonalTables } from '../../../kernel/ports/account/personal-data.ts';

const isOfUser = 't.user_id = $1::text::uuid';
const isOwned = "t.owner_kind = 'user' and t.owner_id = $1";
const theUser = { columns: ['user_id'], because: 'the user of the export' };
const theOwner = { columns: ['owner_kind', 'owner_id'], because: 'the user of the export' };
const digest = 'a digest of a secret';
const place = { columns: ['place_hash'], because: 'a keyed hash that reveals no address' };

/** Accounts, sign-ins, and messages. */
export const credentialTables: PersonalTables = {
  user_account: {
    holds: 'the account',
    where: 't.id = $1::text::uuid',
    exported: [
      'id',
      'email',
      'legacy_id',
      'role',
      'scopes',
      'created_at',
      'email_verified_at',
      'email_since',
      'first_signed_in_at',
      'registered_again_at',
      'removal_at',
    ],
    omitted: [
      { columns: ['password_hash'], because: digest },
      { columns: ['registration_bucket'], because: 'a number that thousands of networks share' },
      { columns: ['version'], because: 'it counts changes by administrators, for If-Match' },
    ],
    removal: 'deleted',
  },
  account_profile: {
    holds: 'the profile',
    where: isOfUser,
    exported: ['version', 'updated_at', 'display_name', 'organization', 'time_zone', 'locale'],
    omitted: [theUser],
    removal: 'deleted',
  },
  account_settings: {
    holds: 'the settings',
    where: isOfUser,
    exported: [
      'version',
      'updated_at',
      'theme',
      'currency',
      'decimal_places',
      'default_model',
      'default_universe',
      'email_notifications',
    ],
    omitted: [theUser],
    removal: 'deleted',
  },
  pricing_preset: {
    holds: 'presets of pricing parameters',
    where: isOfUser,
    exported: ['name', 'preset_values', 'created_at', 'updated_at'],
    omitted: [theUser],
    removal: 'deleted',
  },
  account_token: {
    holds: 'tokens that were sent in messages',
    // Such a token exists only if no account has the wished address, and `email_change` has the wish.
    where: `${isOfUser} and t.purpose <> 'email_change'`,
    exported: ['purpose', 'email', 'new_email', 'created_at', 'expires_at'],
    omitted: [theUser, { columns: ['token_hash', 'password_hash'], because: digest }],
    removal: 'deleted',
  },
  email_change: {
    holds: 'a change of the e-mail address that waits',
    where: isOfUser,
    exported: ['new_email', 'confirmed_at', 'approved_at', 'created_at', 'expires_at'],
    omitted: [theUser],
    removal: 'deleted',
  },
  mail_message: {
    holds: 'messages of the last hours',
    where: `(t.user_id = $1::text::uuid or t.caused_by_user = $1::text::uuid
      or t.recipient = (select email from user_account where id = $1::text::uuid and email_verified_at is not null))`,
    exported: ['id', 'kind', 'recipient', 'state', 'attempts', 'error_code', 'created_at', 'settled_at'],
    omitted: [
      { columns: ['user_id', 'caused_by_user'], because: 'the user of the export' },
      { columns: ['caused_by_network'], because: 'a keyed hash of the network' },
      { columns: ['password_hash'], because: digest },
    ],
    removal: 'deleted',
  },
  user_session: {
    holds: 'sessions of browsers',
    where: isOfUser,
    exported: ['id', 'agent', 'created_at', 'seen_at', 'expires_at'],
    omitted: [theUser, { columns: ['token_hash'], because: digest }, place],
    removal: 'deleted',
  },
  refresh_family: {
    holds: 'sign-ins for tokens',
    where: isOfUser,
    exported: ['id', 'agent', 'created_at', 'expires_at', 'revoked_at', 'revoked_reason'],
    omitted: [theUser, place],
    removal: 'deleted',
  },
  refresh_token: {
    holds: 'refresh tokens',
    where: 't.family_id in (select id from refresh_family where user_id = $1::text::uuid)',
    exported: ['family_id', 'scopes', 'access_token_id', 'access_expires_at', 'created_at', 'used_at'],
    omitted: [{ columns: ['token_hash'], because: digest }],
    removal: 'deleted',
  },
  user_second_factor: {
    holds: 'the second factor',
    where: isOfUser,
    exported: ['created_at', 'confirmed_at', 'failures'],
    omitted: [
      theUser,
      { columns: ['secret'], because: 'the encrypted secret of the authenticator' },
      { columns: ['last_step'], because: 'the period of the last accepted code, so that no code is accepted twice' },
    ],
    removal: 'deleted',
  },
  recovery_code: {
    holds: 'recovery codes of the second factor',
    where: isOfUser,
    exported: [],
    omitted: [theUser, { columns: ['code_hash'], because: digest }],
    removal: 'deleted',
  },
  sign_in_challenge: {
    holds: 'sign-ins that wait for a code of the second factor',
    where: isOfUser,
    exported: ['agent', 'wants_session', 'expires_at'],
    omitted: [theUser, { columns: ['token_hash'], because: digest }, place],
    removal: 'deleted',
  },
  sign_in_place: {
    holds: 'networks of earlier sign-ins',
    where: isOfUser,
    exported: ['seen_at'],
    omitted: [theUser, place],
    removal: 'deleted',
  },
  api_key: {
    holds: 'API keys',
    where: isOwned,
    exported: ['id', 'prefix', 'name', 'scopes', 'created_at', 'expires_at', 'revoked_at', 'last_used_at'],
    omitted: [theOwner, { columns: ['key_hash'], because: digest }],
    removal: 'anonymised',
    remains: 'ended keys without their names, because the audit trail is compared with them',
  },
  owner_end: {
    holds: 'the time since when older tokens are refused',
    where: isOwned,
    exported: ['reason', 'ended_at', 'legacy_ended_at'],
    omitted: [theOwner, { columns: ['legacy_kept_token_id'], because: 'the id of a token of the user' }],
    removal: 'kept',
    remains: 'it keeps old tokens refused',
  },
  audit_event: {
    holds: 'events about the account',
    where: "t.stream = 'user:' || $1",
    exported: [
      'id',
      'action',
      'outcome',
      'actor_kind',
      'actor_subject',
      'target',
      'reason',
      'request_id',
      'trace_id',
      'occurred_at',
      'data',
    ],
    omitted: [{ columns: ['stream', 'sequence', 'previous_hash', 'hash'], because: 'they chain the events' }],
    removal: 'kept',
    remains: 'events name a user by id only',
  },
  audit_count: {
    holds: 'the numbers of audit events of 30 days',
    where: isOwned,
    exported: ['action_group', 'day', 'events', 'counted'],
    omitted: [theOwner],
    removal: 'kept',
    remains: 'it is removed after 31 days, and names the user by id only',
  },
  audit_refusal_window: {
    holds: 'the number of refusals in the current hour',
    where: "t.stream in ('user:' || $1, 'user:' || $1 || '#credential', 'user:' || $1 || '#key')",
    exported: ['started_at', 'recorded', 'omitted'],
    omitted: [{ columns: ['stream'], because: 'the user of the export' }],
    removal: 'kept',
    remains: 'it is removed when its hour is over',
  },
};
