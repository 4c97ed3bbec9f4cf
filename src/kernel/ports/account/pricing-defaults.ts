/** Values that a preset gives to the options of a request that lack them. */
export type PresetValues = {
  readonly model?: string | undefined;
  readonly precision?: string | undefined;
  readonly steps?: number | undefined;
};

/** What the settings of a user mean for the pricing requests of that user and of the user's API keys. */
export type PricingDefaults = {
  /** The model of options that name none. */
  readonly model: string;
  /** Decimal places in which the user wants to see prices. */
  readonly decimalPlaces: number;
  /** By name. */
  readonly presets: Readonly<Record<string, PresetValues>>;
};

/** What the settings of a user mean for requests. */
export type CallerSettings = PricingDefaults & { readonly universe: string | null };

export type ReadCallerSettings = {
  /**
   * @param fresh the cache is not used
   * @returns undefined if the user has no account here
   * @throws AppError of category database
   */
  readonly read: (userId: string, options?: { readonly fresh?: boolean }) => Promise<CallerSettings | undefined>;
  /** Call it after a change of settings or presets has committed. */
  readonly forget: (userId: string) => void;
};
