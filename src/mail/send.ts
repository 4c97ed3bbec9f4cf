import type { Letter } from '#src/kernel/ports/account/mail.ts';

/** A message with its text. `id` is also its Message-ID, so that a mailbox can recognise a message that came twice. */
export type Envelope = Letter & { readonly id: string; readonly to: string };

/**
 * Sends one message, once. `rejected`: the server refuses this recipient for ever. `doubted`: it does so too, but it has refused several in a row.
 * `refused`: it was not tried, because the circuit is open or all places are taken.
 * @throws AppError of category external_api when a later attempt can succeed
 */
export type Send = (envelope: Envelope, signal: AbortSignal) => Promise<'sent' | 'rejected' | 'doubted' | 'refused'>;
