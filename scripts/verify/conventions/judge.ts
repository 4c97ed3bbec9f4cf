import type { Inventory, Place, SeenAttribute, SeenMetric } from './inventory.ts';
import type { Conventions } from './published.ts';

/** A group of findings that are accepted. */
export type Deviation = {
  readonly what: string;
  /** Matches the texts of its findings. */
  readonly findings: RegExp;
  readonly reason: string;
};

const ofAttribute = (place: Place, name: string, seen: SeenAttribute, { attributes }: Conventions): string[] => {
  const published = attributes.get(name);
  if (published === undefined) return [`${place}: attribute ${name} is not in the conventions`];
  const types = [...seen.types]
    .filter((type) => type !== published.type && !(type === 'empty[]' && published.type.endsWith('[]')))
    .map((type) => `${place}: attribute ${name} has the type ${type}, not ${published.type}`);
  const values = [...seen.values]
    .filter((value) => published.values?.has(value) === false)
    .map((value) => `${place}: attribute ${name} has the value ${value}, which is not listed`);
  return [...types, ...values];
};

const ofMetric = (name: string, seen: SeenMetric, { metrics }: Conventions): string[] => {
  const published = metrics.get(name);
  if (published === undefined) return [`metric ${name} is not in the conventions`];
  return [
    ...(seen.unit === published.unit ? [] : [`metric ${name} has the unit "${seen.unit}", not "${published.unit}"`]),
    ...(seen.instrument === published.instrument
      ? []
      : [`metric ${name} is a ${seen.instrument}, not a ${published.instrument}`]),
    ...published.required
      .filter((attribute) => !seen.always.has(attribute))
      .map((attribute) => `metric ${name} lacks the attribute ${attribute}`),
  ];
};

/** Everything in which exported signals differ from the conventions. */
export const findingsOf = ({ attributes, metrics }: Inventory, conventions: Conventions): string[] =>
  [
    ...[...attributes].flatMap(([place, names]) =>
      [...names].flatMap(([name, seen]) => ofAttribute(place, name, seen, conventions)),
    ),
    ...[...metrics].flatMap(([name, seen]) => ofMetric(name, seen, conventions)),
  ].toSorted();

export type Judgement = {
  /** Findings that no deviation accepts. */
  readonly faults: readonly string[];
  readonly accepted: ReadonlyMap<Deviation, readonly string[]>;
  /** Deviations without a finding. They must be removed from the list. */
  readonly unused: readonly Deviation[];
};

export const judge = (findings: readonly string[], deviations: readonly Deviation[]): Judgement => {
  const accepted = new Map(
    deviations.map((deviation) => [deviation, findings.filter((finding) => deviation.findings.test(finding))] as const),
  );
  const known = new Set([...accepted.values()].flat());
  return {
    faults: findings.filter((finding) => !known.has(finding)),
    accepted,
    unused: deviations.filter((deviation) => accepted.get(deviation)?.length === 0),
  };
};
