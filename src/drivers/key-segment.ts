/*
 * Keys of arbitrary bytes as segments of paths, in the same order: six bits to a character, from an alphabet that is
 * sorted as ASCII is and needs no escape in a URL. The last character has zeros for the bits that it lacks, so a key that
 * others begin with comes before them. The empty key is a single character, which no other key is.
 */
const alphabet = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';
const emptyKeySegment = '-';
/** Greater than every character of the alphabet, and less than each of them. */
const [high, low] = ['~', '!'];

const valueOf = new Map(Array.from(alphabet, (character, value) => [character, value]));

/** How many bytes a key may have so that its segment has no more than this. */
export function keyBytesFor(segmentBytes: number): number {
  return Math.floor((segmentBytes * 6) / 8);
}

export function segmentOf(key: Uint8Array): string {
  if (key.length === 0) return emptyKeySegment;
  let segment = '';
  let bits = 0;
  let bitCount = 0;
  for (const byte of key) {
    bits = (bits << 8) | byte;
    bitCount += 8;
    while (bitCount >= 6) {
      bitCount -= 6;
      segment += alphabet.charAt((bits >> bitCount) & 63);
    }
    bits &= 63;
  }
  return bitCount === 0 ? segment : segment + alphabet.charAt((bits << (6 - bitCount)) & 63);
}

/** The key of a segment; undefined when it is the segment of none. */
export function keyOfSegment(segment: string): Uint8Array | undefined {
  if (segment === emptyKeySegment) return new Uint8Array(0);
  const key = new Uint8Array(keyBytesFor(segment.length));
  let at = 0;
  let bits = 0;
  let bitCount = 0;
  for (const character of segment) {
    const value = valueOf.get(character);
    if (value === undefined) return undefined;
    bits = ((bits & 255) << 6) | value;
    bitCount += 6;
    if (bitCount < 8) continue;
    bitCount -= 8;
    key[at++] = (bits >> bitCount) & 255;
  }
  const isWhole = bitCount < 6 && (bits & ((1 << bitCount) - 1)) === 0;
  return isWhole && segment !== '' ? key : undefined;
}

/** What stands before the segment of a key, and behind those of all lesser keys; empty when there are none. */
export function justBefore(segment: string): string {
  const start = segment.slice(0, -1);
  const value = valueOf.get(segment.slice(-1)) ?? 0;
  return value === 0 ? start : start + alphabet.charAt(value - 1) + high;
}

/** What stands behind the segment of a key, and before those of all greater keys. */
export function justBehind(segment: string): string {
  return segment + low;
}
