/**
 * The text with all control characters and line separators escaped as in JSON, so that it neither leaves its line nor
 * steers a terminal.
 */
export function oneLine(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
