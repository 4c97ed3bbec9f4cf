import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { memberPointer } from '#src/kernel/json-pointer.ts';
import { listed, nearestName, quoted } from '#src/kernel/requests/nearest-name.ts';
import { createErrorTexts, unknownFirst } from '#src/kernel/requests/validation-failed.ts';
import { barrierTypes } from '../engines/exotic/barrier-types.ts';
import { precisions } from '../engines/american/precision.ts';
import { dividendMembers, hestonParameters, isInRange, maxDividends, type NumberInput } from '../models/inputs.ts';
import {
  choiceText,
  kindOf,
  notANumberText,
  notTogetherText,
  rangeText,
  requiredChoiceText,
  requiredText,
  tooManyDividendsText,
} from './messages.ts';
import type { ExtraInput } from '../models/models.ts';
import { isRow, type Row } from './rows.ts';

const fieldError = (pointer: string, code: string, detail: string): FieldError => ({ pointer, code, detail });
/** The object at a pointer, for a message: `heston`, or `each item of dividends`. */
const nameAt = (pointer: string): string => {
  const [name = '', list = ''] = pointer.split('/').toReversed();
  return /^\d+$/.test(name) ? `each item of ${list}` : name;
};

/** The members of a dividend and an example, for messages. */
export const dividendShape = 'time in years (or date) and amount';
export const dividendExample = '{"time": 0.25, "amount": 1.5}';
const namesOf = (members: readonly NumberInput[]): string[] => members.map(({ name }) => name);
const membersOf = (members: readonly NumberInput[]): string =>
  members === dividendMembers ? `${dividendShape}, such as ${dividendExample}` : listed(namesOf(members), 'and');

/** Members of a dividend. `date` stands in place of `time`, and is replaced by it before a dividend is read. */
export const dividendNames: readonly string[] = [...dividendMembers.map(({ name }) => name), 'date'];

export const unknownMemberOf = (name: string, known: readonly string[]): string => {
  const near = nearestName(name, known);
  const text = `${quoted(name)} is not a member here, only ${listed(known, 'and')}`;
  return near === undefined ? text : `${text}; did you mean ${near}?`;
};

/** The members, or undefined if one is wrong. A list has up to 1,000 such objects, and the texts and pointers of errors take most of the time. */
const validNumbers = (value: Row, members: readonly NumberInput[]): Row | undefined => {
  const read: Record<string, number> = {};
  for (const member of members) {
    const number = value[member.name];
    if (typeof number !== 'number' || !isInRange(member, number)) return undefined;
    // -0 becomes 0.
    read[member.name] = number + 0;
  }
  return Object.keys(value).length === members.length ? read : undefined;
};

/**
 * The members of an object of numbers, or its errors. Only errors that can be shown have a text.
 * @param maxErrors max errors of unknown members: one list can stand for all rows of a batch, and each pointer takes time
 * @param textOf the same for all objects of one list
 */
const readNumbers = (
  value: unknown,
  members: readonly NumberInput[],
  at: string,
  maxErrors: number,
  textOf = createErrorTexts(),
): Row | FieldError[] => {
  const error = (pointer: string, code: string, detail: () => string): FieldError =>
    fieldError(pointer, code, textOf(code, detail));
  if (value === undefined)
    return [error(at, 'required', () => `${nameAt(at)} is required: send an object with ${membersOf(members)}`)];
  if (!isRow(value))
    return [
      error(
        at,
        'invalid_type',
        () => `${nameAt(at)} must be an object with ${membersOf(members)}, not ${kindOf(value)}`,
      ),
    ];
  const valid = validNumbers(value, members);
  if (valid !== undefined) return valid;
  const errors: FieldError[] = [];
  for (const member of members) {
    const { name } = member;
    // A name such as rho is a greek too. The item of a list has its index in the pointer.
    const named = (): NumberInput => (members === hestonParameters ? { ...member, name: `heston.${name}` } : member);
    const number = value[name];
    const pointer = memberPointer(at, name);
    if (typeof number === 'number' && isInRange(member, number)) continue;
    if (number === undefined) errors.push(error(pointer, 'required', () => requiredText(named())));
    else if (typeof number !== 'number')
      errors.push(error(pointer, 'invalid_type', () => notANumberText(named(), number)));
    else errors.push(error(pointer, 'out_of_range', () => rangeText(named(), number)));
  }
  const isUnknown = (name: string): boolean => !members.some((member) => member.name === name);
  for (const name of Object.keys(value).filter(isUnknown).slice(0, maxErrors)) {
    errors.push(error(memberPointer(at, name), 'unknown_member', () => unknownMemberOf(name, namesOf(members))));
  }
  return unknownFirst(errors);
};

const readDividends = (value: unknown, row: Row, at: string, maxErrors: number): object | FieldError[] => {
  if (!Array.isArray(value))
    return [
      fieldError(
        at,
        'invalid_type',
        `dividends must be an array of objects with ${dividendShape}, such as [${dividendExample}], not ${kindOf(value)}`,
      ),
    ];
  if (row['dividend_yield'] !== undefined) {
    return [fieldError(at, 'conflict', notTogetherText('dividends', 'dividend_yield'))];
  }
  if (value.length > maxDividends) {
    return [fieldError(at, 'invalid_length', tooManyDividendsText(value.length))];
  }
  const textOf = createErrorTexts();
  const dividends: Row[] = [];
  const errors: FieldError[] = [];
  for (const [index, item] of value.entries()) {
    const read = readNumbers(item, dividendMembers, memberPointer(at, index), maxErrors, textOf);
    if (!Array.isArray(read)) dividends.push(read);
    else if (errors.push(...read) >= maxErrors) break;
  }
  return errors.length > 0 ? errors : { dividends };
};

/** The values of the extra inputs that are one of a few texts. */
export const choicesOf = { precision: precisions, barrier_type: barrierTypes } as const;
export const isChoice = (choices: readonly string[], value: unknown): value is string =>
  choices.some((known) => known === value);

/** Pattern of a `symbol`. */
export const SYMBOL = /^[A-Za-z0-9.^=\-/:]{1,32}$/;

/**
 * The members that one extra input adds to the option, or its errors.
 * @param maxErrors after so many errors the rest is not read. Default: all errors of a single option, whose body is small
 */
export const readExtra = (extra: ExtraInput, row: Row, parent: string, maxErrors = Infinity): object | FieldError[] => {
  const value = row[extra];
  const at = memberPointer(parent, extra);
  switch (extra) {
    case 'symbol':
      if (value === undefined) return {};
      if (typeof value === 'string' && SYMBOL.test(value)) return { symbol: value };
      return [
        fieldError(
          at,
          'invalid_value',
          `symbol must be the symbol of an asset, as GET /assets lists it, not ${kindOf(value)}`,
        ),
      ];
    case 'precision':
      if (value === undefined) return { precision: 'default' };
      if (isChoice(precisions, value)) return { precision: value };
      return [fieldError(at, 'invalid_value', choiceText('precision', precisions, value))];
    case 'barrier_type':
      if (isChoice(barrierTypes, value)) return { barrier_type: value };
      if (value === undefined) return [fieldError(at, 'required', requiredChoiceText('barrier_type', barrierTypes))];
      return [fieldError(at, 'invalid_value', choiceText('barrier_type', barrierTypes, value))];
    case 'heston': {
      const heston = readNumbers(value, hestonParameters, at, maxErrors);
      return Array.isArray(heston) ? heston : { heston };
    }
    default:
      return value === undefined ? {} : readDividends(value, row, at, maxErrors);
  }
};
