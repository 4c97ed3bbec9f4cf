import { arrowType, jsonType, type Transport } from './prepared-batch.ts';

const types: Readonly<Record<Transport, string>> = { json: jsonType, arrow: arrowType };

/** The quality that an Accept header gives `type`, by its most specific range (RFC 9110, section 12.5.1). */
const qualityOf = (ranges: readonly (readonly [string, number])[], type: string): number => {
  for (const range of [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']) {
    const found = ranges.find(([name]) => name === range);
    if (found) return found[1];
  }
  return 0;
};

/** What the caller takes, best first; of equals the one that came. */
export const acceptedTransports = (accept: string | undefined, input: Transport): Transport[] => {
  const both: Transport[] = input === 'json' ? ['json', 'arrow'] : ['arrow', 'json'];
  if (accept === undefined) return both;
  const ranges = accept.split(',').map((range) => {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    return [name, quality === undefined ? 1 : Number(quality.slice(2)) || 0] as const;
  });
  const quality = (transport: Transport): number => qualityOf(ranges, types[transport]);
  return both.filter((transport) => quality(transport) > 0).sort((a, b) => quality(b) - quality(a));
};

export const transportOf = (contentType: string | undefined): Transport =>
  contentType?.trim().toLowerCase().startsWith(arrowType) ? 'arrow' : 'json';
