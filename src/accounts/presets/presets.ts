import { createPresetChanges, type PresetChangesDeps } from './preset-changes.ts';
import { createPresetReads, type PresetReadsDeps } from './preset-reads.ts';
import type { Presets } from './preset.ts';

export type PresetsDeps = PresetReadsDeps & PresetChangesDeps;

/** The presets of users. */
export const createPresets = (deps: PresetsDeps): Presets => ({
  ...createPresetReads(deps),
  ...createPresetChanges(deps),
});
