import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { memberPointer } from '#src/kernel/json-pointer.ts';
import { maxBatchRows } from '../batch/batch-row.ts';
import { isInRange, rangeOf, type NumberInput } from '../models/inputs.ts';
import { kindOf, memberError } from '../request/messages.ts';
import type { Row } from '../request/rows.ts';

/** Max absolute shift of a volatility, because that of bachelier is in units of the price. */
const MAX_SHIFT = 1e12;

/** The axes of a grid. Each is a list of numbers; an axis that is absent has the single value 0. */
export const gridAxes = {
  spot_shifts: {
    column: 'spot_shift',
    item: {
      name: 'each of spot_shifts',
      minimum: -1,
      exclusiveMinimum: true,
      maximum: 100,
      description: 'Relative change of the spot, or of the forward: 0.05 for +5 %',
    },
  },
  volatility_shifts: {
    column: 'volatility_shift',
    item: {
      name: 'each of volatility_shifts',
      minimum: -MAX_SHIFT,
      maximum: MAX_SHIFT,
      description:
        'Amount that is added to the volatility: 0.01 for one percentage point. For heston it is added to the square root of v0',
    },
  },
  days: {
    column: 'days',
    item: {
      name: 'each of days',
      minimum: 0,
      maximum: 73_000,
      description: 'Calendar days that pass. From its expiry on an option is worth its payoff',
    },
  },
} as const satisfies Record<string, { readonly column: string; readonly item: NumberInput }>;

export type AxisName = keyof typeof gridAxes;
export const axisNames = Object.keys(gridAxes) as readonly AxisName[];
export type Axes = Readonly<Record<AxisName, readonly number[]>>;

const readAxis = (name: AxisName, value: unknown, errors: FieldError[]): readonly number[] => {
  const { item }: { readonly item: NumberInput } = gridAxes[name];
  if (value === undefined) return [0];
  if (!Array.isArray(value)) {
    errors.push(
      memberError(
        '',
        name,
        'invalid_type',
        `${name} must be an array of numbers, not ${kindOf(value)}${typeof value === 'number' ? `: send [${value}]` : ''}`,
      ),
    );
    return [];
  }
  if (value.length === 0 || value.length > maxBatchRows) {
    const detail = `${name} must have 1 to ${maxBatchRows} numbers, not ${value.length}: leave it out for no shift`;
    errors.push(memberError('', name, 'invalid_length', detail));
    return [];
  }
  const wrong = value.findIndex((shift: unknown) => typeof shift !== 'number' || !isInRange(item, shift));
  if (wrong >= 0) {
    const shown: unknown = value[wrong];
    const unit =
      name === 'spot_shifts' && typeof shown === 'number'
        ? `; a spot shift is a fraction: for ${shown} % send ${Number((shown / 100).toPrecision(12))}`
        : '';
    const detail = `${item.name} must be a number that is ${rangeOf(item)}, not ${kindOf(shown)}${unit}`;
    errors.push({ pointer: memberPointer(`/${name}`, wrong), code: 'out_of_range', detail });
    // An object can have a member `toString` that is no function, so it must not be added to a number.
    return [];
  }
  // Adding 0 turns -0 into 0.
  return value.map((shift: number) => shift + 0);
};

export const readAxes = (body: Row, errors: FieldError[]): Axes => ({
  spot_shifts: readAxis('spot_shifts', body['spot_shifts'], errors),
  volatility_shifts: readAxis('volatility_shifts', body['volatility_shifts'], errors),
  days: readAxis('days', body['days'], errors),
});

export const nodesOf = ({ spot_shifts: spots, volatility_shifts: volatilities, days }: Axes): number =>
  spots.length * volatilities.length * days.length;

/** The shifts of node `node`, and the position of its days in their axis. The days change fastest, the spot slowest. */
export const shiftsAt = (
  axes: Axes,
  node: number,
): readonly [spot: number, volatility: number, days: number, position: number] => {
  const { spot_shifts: spots, volatility_shifts: volatilities, days } = axes;
  const plane = Math.floor(node / days.length);
  const position = node % days.length;
  return [
    spots[Math.floor(plane / volatilities.length)]!,
    volatilities[plane % volatilities.length]!,
    days[position]!,
    position,
  ];
};
