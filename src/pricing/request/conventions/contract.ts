import { msOfDay } from './moment.ts';

/** The parts of an OCC option symbol. */
export type Contract = {
  readonly strike: number;
  /** `YYYY-MM-DD`. */
  readonly expiry: string;
  readonly option_type: 'call' | 'put';
};

/** Root of up to six characters, with or without spaces behind it; expiry; C or P; strike in thousandths. */
const OCC = /^([A-Z0-9.]{1,6}) {0,5}(\d{2})(\d{2})(\d{2})([CP])(\d{8})$/;

/** Reads an OCC option symbol; undefined if the value is none. The years are those from 2000 to 2099. */
export const readContract = (value: unknown): Contract | undefined => {
  if (typeof value !== 'string') return undefined;
  const parts = OCC.exec(value);
  if (parts === null) return undefined;
  const [, , year, month, day, type, thousandths] = parts as unknown as readonly string[];
  if (msOfDay(2000 + Number(year), Number(month), Number(day)) === undefined) return undefined;
  return {
    strike: Number(thousandths) / 1000,
    expiry: `20${year}-${month}-${day}`,
    option_type: type === 'C' ? 'call' : 'put',
  };
};
