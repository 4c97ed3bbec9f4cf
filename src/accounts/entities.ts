import { defineEntity, p } from '@mikro-orm/core';
import type { PresetValues } from '#src/kernel/ports/account/pricing-defaults.ts';
import { profileFields, settingsFields, type Fields } from './schemas.ts';

/** `display_name` -> `displayName`, which the naming strategy turns back into the column. */
export const propertyName = (column: string): string =>
  column.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

const properties = {
  text: () => p.text(),
  integer: () => p.integer(),
  boolean: () => p.boolean(),
} as const;

const columnsOf = (fields: Fields) =>
  Object.fromEntries(
    Object.entries(fields).map(([name, { column, default: value }]) => {
      const property = properties[column]();
      return [
        propertyName(name),
        value === null ? property.nullable() : property.default(value as string & number & boolean),
      ];
    }),
  );

export const tableOf = { AccountProfile: 'account_profile', AccountSettings: 'account_settings' } as const;
export type AccountsEntityName = keyof typeof tableOf;
export const presetEntityName = 'PricingPreset';

/** An entity of another room, which the relation refers to. */
type Entity = Parameters<typeof p.manyToOne>[0];

/**
 * Entities for the entity list of the database room. The key of each table begins with the user.
 * @param user the entity of `user_account`, which is in the auth room
 */
export const createAccountsEntities = (user: Entity) => {
  const common = () => ({
    user: () => p.manyToOne(user).primary().updateRule('no action').deleteRule('cascade'),
    version: p.integer(),
    updatedAt: p.datetime(),
  });
  return [
    defineEntity({
      name: 'AccountProfile',
      tableName: tableOf.AccountProfile,
      properties: { ...common(), ...columnsOf(profileFields) },
    }),
    defineEntity({
      name: 'AccountSettings',
      tableName: tableOf.AccountSettings,
      properties: { ...common(), ...columnsOf(settingsFields) },
    }),
    defineEntity({
      name: presetEntityName,
      tableName: 'pricing_preset',
      properties: {
        user: () => p.manyToOne(user).primary().updateRule('no action').deleteRule('cascade'),
        name: p.text().primary(),
        presetValues: p.json<PresetValues>(),
        createdAt: p.datetime(),
        updatedAt: p.datetime(),
      },
    }),
  ];
};
