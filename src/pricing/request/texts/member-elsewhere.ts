/** Where an option was sent: it is the request, a row of `options`, or a position of a grid. */
export type OptionPlace = 'request' | 'row' | 'position';

const many = (name: string): string =>
  `${name} is an input of /pricing/batch: send this request there, or send the inputs of one option at the top level`;

/** Members that another operation has, by what a caller must do to use them. */
const ofOtherOperations: Readonly<Record<string, string>> = {
  outputs:
    'outputs is not an input here: remove it, send this request to /pricing/greeks, or send it to /pricing/batch as ' +
    '{"options": [...], "outputs": [...]}',
  units: 'units is an input of /pricing/greeks, /pricing/batch and /pricing/grid: remove it here',
  options: many('options'),
  columns: many('columns'),
  price:
    'price is an input of /pricing/implied-volatility, and of a batch with the output implied_volatility: remove it here',
};

/** Members of a request with many options that apply to all of them. */
const ofAllOptions: ReadonlySet<string> = new Set(['outputs', 'strict_units', 'units', 'preset']);

/** The text for a member of an option that belongs to another place or operation; undefined for any other member. */
export const memberElsewhereText = (member: string, place: OptionPlace): string | undefined => {
  if (place !== 'request' && ofAllOptions.has(member)) {
    const list = place === 'row' ? 'options' : 'positions';
    return `${member} applies to all ${list}: move it out of the ${place === 'row' ? 'option' : 'position'}, beside ${list}`;
  }
  return Object.hasOwn(ofOtherOperations, member) ? ofOtherOperations[member] : undefined;
};
