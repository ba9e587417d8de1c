/** A value as it can be looked at. */
export interface ShownValue {
  readonly text: string;
  /** What is not as it was stored; empty when all is. */
  readonly note: string;
}

const shownCharsMax = 100_000;
const shownBytesMax = 1_024;

/** JSON is set out in lines; other text stands as it is; anything else as the first of its bytes. */
export function shownValue(data: Uint8Array, contentType: string): ShownValue {
  const text = decoded(data);
  if (text === undefined) {
    const rest = data.length > shownBytesMax ? `, of which the first ${shownBytesMax} are shown` : '';
    return {
      text: hexLines(data.subarray(0, shownBytesMax)),
      note: `${data.length} bytes that are not text${rest}`,
    };
  }
  const pretty = /^application\/(?:[\w.+-]+\+)?json\b/i.test(contentType) ? setOut(text) : undefined;
  const whole = pretty ?? text;
  const notes = [
    ...(pretty === undefined || pretty === text ? [] : ['set out in lines; stored as it was sent']),
    ...(whole.length > shownCharsMax ? [`cut after ${shownCharsMax} characters`] : []),
  ];
  return { text: whole.slice(0, shownCharsMax), note: notes.join('; ') };
}

function decoded(data: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data);
  } catch {
    return undefined;
  }
}

/** Large numbers lose digits on the way through JSON.parse: what does not come back the same is shown as it is. */
function setOut(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (JSON.stringify(value) !== withoutSpace(text)) return undefined;
    return JSON.stringify(value, undefined, 2);
  } catch {
    return undefined;
  }
}

/** JSON text without the spaces between its tokens. */
function withoutSpace(text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, quoted: string | undefined) => quoted ?? '');
}

function hexLines(data: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < data.length; at += 16) {
    const bytes = [...data.subarray(at, at + 16)].map((byte) => byte.toString(16).padStart(2, '0'));
    lines.push(`${at.toString(16).padStart(4, '0')}  ${bytes.join(' ')}`);
  }
  return lines.join('\n');
}
