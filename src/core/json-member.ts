const quote = 0x22;
const comma = 0x2c;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const space = 0x20;

/**
 * The text of a member's value as it stands in a JSON object: a number keeps all its digits, which reading and writing
 * it would not. Of several members with that name the last one counts, as for `JSON.parse`. Undefined where there is
 * none.
 *
 * @param text an object that `JSON.parse` takes
 */
export function memberText(text: string, name: string): string | undefined {
  const found = memberRange(text, name);
  return found && text.slice(found.from, found.to);
}

/**
 * Where that text stands: from its first character up to, and without, `to`. The object is the first one in `text` from
 * `start` on; what stands after it is not looked at.
 */
export function memberRange(text: string, name: string, start = 0): { from: number; to: number } | undefined {
  let found: { from: number; to: number } | undefined;
  let at = afterSpace(text, text.indexOf('{', start) + 1);
  while (text.charCodeAt(at) === quote) {
    const nameEnd = afterString(text, at);
    const from = afterSpace(text, afterSpace(text, nameEnd) + 1);
    const to = afterValue(text, from);
    if (isNamed(text, at, nameEnd, name)) found = { from, to };
    const end = afterSpace(text, to);
    // What follows the object is none of its members.
    if (text.charCodeAt(end) !== comma) break;
    at = afterSpace(text, end + 1);
  }
  return found;
}

/** `from` and `to` enclose the quotes. */
function isNamed(text: string, from: number, to: number, name: string): boolean {
  if (to - from === name.length + 2) return text.startsWith(name, from + 1);
  const quoted = text.slice(from, to);
  return quoted.includes('\\') && JSON.parse(quoted) === name;
}

function afterSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= space) at++;
  return at;
}

function afterString(text: string, from: number): number {
  for (let end = text.indexOf('"', from + 1); ; end = text.indexOf('"', end + 1)) {
    let escapes = end;
    while (text.charCodeAt(escapes - 1) === backslash) escapes--;
    if ((end - escapes) % 2 === 0) return end + 1;
  }
}

function afterValue(text: string, from: number): number {
  const first = text.charCodeAt(from);
  if (first === quote) return afterString(text, from);
  if (first === openBrace || first === openBracket) return afterNested(text, from);
  let at = from;
  for (let code = first; code !== comma && code !== closeBrace && code > space; code = text.charCodeAt(at)) {
    at++;
  }
  return at;
}

function afterNested(text: string, from: number): number {
  let depth = 0;
  for (let at = from; ; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = afterString(text, at) - 1;
    else if (code === openBrace || code === openBracket) depth++;
    else if ((code === closeBrace || code === closeBracket) && --depth === 0) return at + 1;
  }
}

/**
 * The texts of the elements of a JSON array of objects, as they stand there.
 *
 * @param text an array that `JSON.parse` takes, with nothing but objects in it
 */
export function* objectTexts(text: string): Generator<string, void, undefined> {
  let at = afterSpace(text, text.indexOf('[') + 1);
  while (text.charCodeAt(at) === openBrace) {
    const end = afterNested(text, at);
    yield text.slice(at, end);
    at = afterSpace(text, afterSpace(text, end) + 1);
  }
}
