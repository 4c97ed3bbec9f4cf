import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { PresetValues } from '#src/kernel/ports/account/pricing-defaults.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import type { PageRequest } from '#src/kernel/lists/pages.ts';
import { nearestName, quoted } from '#src/kernel/requests/nearest-name.ts';

type Preset = PresetValues & { readonly name: string; readonly updated_at: string };

export type Presets = {
  /** Sorted by name. */
  readonly list: (userId: string, page: PageRequest) => Promise<Preset[]>;
  /** @throws AppError `resource_not_found` */
  readonly one: (userId: string, name: string) => Promise<Preset>;
  /** Stores or replaces. @throws AppError `validation_failed` above the max number */
  readonly put: (
    userId: string,
    name: string,
    values: PresetValues,
  ) => Promise<{ readonly preset: Preset; readonly created: boolean }>;
  /** @throws AppError `resource_not_found` */
  readonly remove: (userId: string, name: string) => Promise<void>;
};

export type PresetRow = { readonly name: string; readonly preset_values: PresetValues; readonly updated_at: Date };

export const toPreset = ({ name, preset_values: values, updated_at: updatedAt }: PresetRow): Preset => ({
  name,
  ...values,
  updated_at: updatedAt.toISOString(),
});

/** @returns the refusal of an unknown name, with the nearest name of a preset of the user */
export const presetNotFound = async (query: Query, userId: string, name: string): Promise<AppError> => {
  const names = await query<{ name: string }>('select name from pricing_preset where user_id = $1', [userId]);
  const near = nearestName(
    name,
    names.map((row) => row.name),
  );
  const text = `There is no preset ${quoted(name)}`;
  return new AppError('resource_not_found', near === undefined ? text : `${text}; did you mean ${near}?`);
};
