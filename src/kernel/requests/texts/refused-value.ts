import { quoted } from '../nearest-name.ts';

/** A longer text is not repeated: it does not help a reader, and most secrets are longer. */
const maxCharacters = 32;

/**
 * `, not "weekly"`: the refused value at the end of a text. Empty for a long text, and for a value that is no text and no
 * number. It must not be used for passwords, tokens, codes and addresses.
 */
export const notText = (value: unknown): string => {
  if (typeof value === 'number') return `, not ${value}`;
  return typeof value === 'string' && value.length <= maxCharacters ? `, not ${quoted(value)}` : '';
};

/** The `error` of a schema whose value is neither secret nor personal: the text, and the value that was refused. */
export const withRefused =
  (text: string) =>
  ({ input }: { readonly input?: unknown }): string =>
    `${text}${notText(input)}`;
