/**
 * A text without control characters. Written without `\P{Cc}`, because the pattern is in the OpenAPI document and many
 * programs that read it do not know Unicode classes.
 */
export const singleLine = new RegExp(String.raw`^[^\u0000-\u001f\u007f-\u009f]*$`, 'u');
