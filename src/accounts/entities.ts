import { defineEntity, p } from '@mikro-orm/core';

/** Both keyed by the user's id as tokens have it, which need not be an account of this service. */
const AccountProfileEntity = defineEntity({
  name: 'AccountProfile',
  tableName: 'account_profile',
  properties: {
    userId: p.text().primary(),
    version: p.integer(),
    updatedAt: p.datetime(),
    displayName: p.text().nullable(),
    organization: p.text().nullable(),
    timeZone: p.text().default('UTC'),
    locale: p.text().default('en'),
  },
});

const AccountSettingsEntity = defineEntity({
  name: 'AccountSettings',
  tableName: 'account_settings',
  properties: {
    userId: p.text().primary(),
    version: p.integer(),
    updatedAt: p.datetime(),
    theme: p.text().default('system'),
    currency: p.text().default('USD'),
    decimalPlaces: p.integer().default(4),
    defaultModel: p.text().default('black_scholes'),
    defaultUniverse: p.text().nullable(),
    emailNotifications: p.boolean().default(false),
  },
});

/** For the database room's entity list. */
export const accountsEntities = [AccountProfileEntity, AccountSettingsEntity];
