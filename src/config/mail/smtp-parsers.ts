import { z } from 'zod';

const faultOf = (value: string): string | undefined => {
  const parsed = URL.parse(value);
  if (!parsed || !['smtp:', 'smtps:'].includes(parsed.protocol))
    return 'must be a URL starting with smtp:// or smtps://';
  if (parsed.hostname === '') return 'must name a host, such as smtp://mail.example:587';
  if (parsed.search !== '' || parsed.hash !== '' || !/^\/?$/.test(parsed.pathname)) {
    return 'must have nothing after the host and port';
  }
  if ((parsed.username === '') !== (parsed.password === '')) return 'must have both a user and a password, or neither';
  try {
    decodeURIComponent(parsed.username + parsed.password);
  } catch {
    return 'must have a user and a password in percent-encoding (`%` is written `%25`)';
  }
  return undefined;
};

export const smtpUrl = z.string().superRefine((value, issues) => {
  const message = faultOf(value);
  if (message !== undefined) issues.addIssue({ code: 'custom', message });
});

const address = String.raw`[^\s<>"',;:@()\[\]\\]+@[^\s<>"',;:@()\[\]\\]+`;
const maxSenderCharacters = 320;
const senderPattern = new RegExp(`^(?:${address}|[^\\p{Cc}<>",;:@]+ <${address}>)$`, 'u');

/** `name@host`, or `Name <name@host>`. */
export const sender = z
  .string()
  .refine(
    (value) => value.length <= maxSenderCharacters && senderPattern.test(value),
    'must be an e-mail address, or a name and an address: Volwatch <no-reply@example.org>',
  );
