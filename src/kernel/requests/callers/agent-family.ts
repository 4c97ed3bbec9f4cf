type Family = readonly [name: string, pattern: RegExp];

/** In the order of the checks, because most browsers also name the browsers that they are compatible with. */
const programs: readonly Family[] = [
  ['Edge', /\bEdgA?(iOS)?\//],
  ['Opera', /\b(OPR|Opera)\//],
  ['Samsung Internet', /\bSamsungBrowser\//],
  ['Firefox', /\b(Firefox|FxiOS)\//],
  ['Chrome', /\b(Chrome|CriOS|Chromium|HeadlessChrome)\//],
  ['Safari', /\bSafari\//],
  ['curl', /^curl\//],
  ['Python', /^(python|Python|aiohttp)/],
  ['Node', /^(node|undici|axios)/],
];
const systems: readonly Family[] = [
  ['Android', /\bAndroid\b/],
  ['iOS', /\b(iPhone|iPad|iPod)\b/],
  ['Windows', /\bWindows\b/],
  ['macOS', /\bMac OS X\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['Linux', /\bLinux\b/],
];

const nameIn = (families: readonly Family[], text: string): string | undefined =>
  families.find(([, pattern]) => pattern.test(text))?.[0];

/**
 * `Firefox on Linux`, `curl`, or null for an unknown program. Only these names are stored, because the whole header can
 * identify a person.
 */
export const agentFamily = (userAgent: string | undefined): string | null => {
  const text = (userAgent ?? '').slice(0, 512);
  const program = nameIn(programs, text);
  const system = nameIn(systems, text);
  if (program === undefined) return system ?? null;
  return system === undefined ? program : `${program} on ${system}`;
};
