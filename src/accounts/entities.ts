import { defineEntity, p } from '@mikro-orm/core';
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

/** The key of both tables is the subject of the token. The user can be unknown to this service. */
const common = () => ({ userId: p.text().primary(), version: p.integer(), updatedAt: p.datetime() });

export const AccountProfileEntity = defineEntity({
  name: 'AccountProfile',
  tableName: 'account_profile',
  properties: { ...common(), ...columnsOf(profileFields) },
});

export const AccountSettingsEntity = defineEntity({
  name: 'AccountSettings',
  tableName: 'account_settings',
  properties: { ...common(), ...columnsOf(settingsFields) },
});

/** Entities for the entity list of the database room. */
export const accountsEntities = [AccountProfileEntity, AccountSettingsEntity];
