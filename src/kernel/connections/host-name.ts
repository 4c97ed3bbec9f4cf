/** A name or an address as HTTP has it, with the longest name of DNS. `URL` also reads others, in a time that grows with the square of their length. */
const host = /^(?<name>[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;

/** The name in a host with or without a port, in small letters: `A.test:80` -> `a.test`, `[::1]:80` -> `[::1]`. Undefined if the text is no host. */
export const hostNameIn = (text: string): string | undefined => host.exec(text)?.groups?.['name']?.toLowerCase();
