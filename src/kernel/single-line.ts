/**
 * The pattern of a text without control characters. Line breaks and tabs are control characters, so it refuses them too. It
 * accepts the empty text. The pattern does not use `\P{Cc}`, because it is in the OpenAPI document, and many programs that read
 * the document do not know Unicode classes.
 */
export const singleLinePattern = new RegExp(String.raw`^[^\u0000-\u001f\u007f-\u009f]*$`, 'u');
