const alphabet = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const padding = '='.charCodeAt(0);
const decoder = new TextDecoder();

/**
 * RFC 4648, section 4, with padding. By hand: `btoa` wants a string of the bytes, and to make that takes six times as
 * long.
 */
export function toBase64(data: Uint8Array): string {
  const text = new Uint8Array(Math.ceil(data.length / 3) * 4);
  for (let from = 0, to = 0; from < data.length; from += 3) {
    const bits = (at(data, from) << 16) | (at(data, from + 1) << 8) | at(data, from + 2);
    text[to++] = at(alphabet, bits >> 18);
    text[to++] = at(alphabet, (bits >> 12) & 63);
    text[to++] = at(alphabet, (bits >> 6) & 63);
    text[to++] = at(alphabet, bits & 63);
  }
  const missing = (3 - (data.length % 3)) % 3;
  return decoder.decode(text.fill(padding, text.length - missing));
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

/** @throws DOMException when it is no Base64 */
export function fromBase64(text: string): Uint8Array {
  const characters = atob(text);
  const data = new Uint8Array(characters.length);
  for (let i = 0; i < characters.length; i++) data[i] = characters.charCodeAt(i);
  return data;
}
