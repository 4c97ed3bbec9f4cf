import { defineEntity, p } from '@mikro-orm/core';

/** The key of both tables is the subject of the token. The user can be unknown to this service. */
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

/** Entities for the entity list of the database room. */
export const accountsEntities = [AccountProfileEntity, AccountSettingsEntity];
