import { multipart, type Options } from 'formidable';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { joinData, type MultipartParser } from './joined-data.ts';

type Plugin = NonNullable<Options['enabledPlugins']>[number];

type Part = { readonly transferEncoding?: string };

/** What this module uses of a form of formidable. */
type Form = {
  readonly _parser: MultipartParser | null;
  /** Ends the form with an error. It does nothing after the end and after the first error. */
  readonly _error: (error: unknown) => void;
  /** Called for each part after its headers. */
  onPart: (part: Part) => Promise<void>;
};

const base64Detail = 'A part of a form must not have Content-Transfer-Encoding: base64. Send the file as it is';

/**
 * The multipart plugin of formidable, with one event for the content of each piece, whose errors end the form. formidable 3.5.4 reads a form in an async listener and awaits nothing
 * of it, so an error there would be an unhandled rejection, which ends the process. A part with
 * `Content-Transfer-Encoding: 7bit` and without a type causes such an error.
 */
export const safeMultipart: Plugin = (incoming, options) => {
  const result = multipart(incoming, options);
  const form = incoming as unknown as Form;
  const { _parser: parser } = form;
  // Without a boundary there is no parser, and the form has its error already.
  if (!parser) return result;
  joinData(parser);
  const onPart = form.onPart.bind(form);
  form.onPart = async (part) => {
    // RFC 7578 (section 4.7) deprecates it, no client in use sends it, and the bytes of the file are then not those of the body.
    if (part.transferEncoding === 'base64') throw new AppError('malformed_body', base64Detail);
    await onPart(part);
  };
  const listeners = parser.listeners('data') as ((event: unknown) => unknown)[];
  parser.removeAllListeners('data');
  for (const listener of listeners) {
    parser.on('data', (event: unknown) => {
      Promise.resolve(listener(event)).catch((error: unknown) => form._error(error));
    });
  }
  return result;
};
