/** Characters that are converted in one go: a call can't have millions of arguments. */
const pieceLength = 32_768;

/** RFC 4648, section 4, with padding. */
export function toBase64(data: Uint8Array): string {
  const pieces: string[] = [];
  for (let at = 0; at < data.length; at += pieceLength) {
    pieces.push(String.fromCharCode(...data.subarray(at, at + pieceLength)));
  }
  return btoa(pieces.join(''));
}

/** @throws DOMException when it is no Base64 */
export function fromBase64(text: string): Uint8Array {
  const characters = atob(text);
  const data = new Uint8Array(characters.length);
  for (let i = 0; i < characters.length; i++) data[i] = characters.charCodeAt(i);
  return data;
}
