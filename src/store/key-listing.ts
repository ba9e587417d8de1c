import type { KeyPath } from '../core/key-path.ts';
import { limits } from '../core/limits.ts';
import type { ChildrenOptions, ChildrenPage, KeyChild } from '../core/ports.ts';
import { decodeRecord, mainKey, mainRange, pathOfMainKey, type Range } from './keyspace.ts';
import { asBytes, type Level } from './level.ts';
import { successor } from './key-range.ts';

const slash = 0x2f;

/**
 * Lists what stands directly below a path, by going past what stands further down. Between a key and what is below it
 * other keys may stand (`a`, `a-b`, `a/c`): a child that is a key is listed where its key stands, any other one where
 * the first key below it does, and so each of them once.
 */
export async function listChildren(
  level: Level,
  below: KeyPath | undefined,
  { childrenMax, from }: ChildrenOptions,
): Promise<ChildrenPage> {
  const range = below === undefined ? mainRange : descendantsOf(mainKey(below));
  const prefixLength = below === undefined ? 1 : range.gte.length;
  const children: KeyChild[] = [];
  let bytes = 0;
  let position = from === undefined ? range.gte : later(range.gte, from);
  while (children.length < childrenMax && bytes < limits.pageBytesMax) {
    const key = await firstKey(level, { gte: position, lt: range.lt });
    if (key === undefined) return { children, next: undefined };
    const end = key.indexOf(slash, prefixLength);
    if (end < 0) {
      const record = await level.get<Uint8Array, Uint8Array>(key, asBytes);
      bytes += record?.length ?? 0;
      const version = record === undefined ? undefined : decodeRecord(record);
      const hasChildren = (await firstKey(level, descendantsOf(key))) !== undefined;
      // It may have been removed since its key was seen.
      if (version !== undefined || hasChildren)
        children.push({ path: pathOfMainKey(key), version, hasChildren });
      position = successor(key);
    } else {
      const parent = key.subarray(0, end);
      const isListed = (await firstKey(level, { gte: parent, lt: successor(parent) })) !== undefined;
      if (!isListed) children.push({ path: pathOfMainKey(parent), version: undefined, hasChildren: true });
      position = descendantsOf(parent).lt;
    }
  }
  return { children, next: position };
}

/** The range of the keys below a key: those that go on with a slash. */
function descendantsOf(key: Uint8Array): Range {
  return {
    gte: Buffer.concat([key, Buffer.from([slash])]),
    lt: Buffer.concat([key, Buffer.from([slash + 1])]),
  };
}

async function firstKey(level: Level, range: Range): Promise<Uint8Array | undefined> {
  if (Buffer.compare(range.gte, range.lt) >= 0) return undefined;
  const [first] = await level.keys<Uint8Array>({ keyEncoding: 'view', limit: 1, ...range }).all();
  return first;
}

function later(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) >= 0 ? a : b;
}
