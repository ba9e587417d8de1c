import { isAscii, isUtf8 } from 'node:buffer';

/** A line of a batch, without its end. */
export interface Line {
  /** Bytes that it takes. */
  readonly length: number;
  /** What it stands in, from `from` up to, and without, `to`. */
  readonly text: string;
  readonly from: number;
  readonly to: number;
  /** The bytes of `text`, where each character is one; undefined where it has others than ASCII. */
  readonly ascii: Buffer | undefined;
}

/** The same bytes as text, where they are ASCII. */
export function asciiText(bytes: Buffer): string | undefined {
  return isAscii(bytes) ? bytes.toString('latin1') : undefined;
}

/** A line that stands alone; undefined where it is not valid UTF-8. */
export function lineOf(bytes: Buffer): Line | undefined {
  const ascii = asciiText(bytes);
  if (ascii === undefined && !isUtf8(bytes)) return undefined;
  const text = ascii ?? bytes.toString();
  return {
    length: bytes.length,
    text,
    from: 0,
    to: text.length,
    ascii: ascii === undefined ? undefined : bytes,
  };
}
