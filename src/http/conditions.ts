import { KvsError } from '../core/errors.ts';
import type { WriteResult } from '../core/ports.ts';
import type { Version } from '../core/version.ts';
import { isAmong, isMet, type VersionTags, type WriteCondition } from '../core/write-condition.ts';
import { problemAnswer, type Answer } from './answer.ts';
import { header, type KvsContext } from './context.ts';
import { tagHeadersOf, uuidOfTag } from './entity-tag.ts';

/**
 * The condition of a request (RFC 9110, sections 13.1.1 and 13.1.2); undefined where it has none. An ETag is the uuid
 * of a version, with a suffix where the value comes in gzip: what is compared is the version. `If-Match` compares strongly: a weak tag matches nothing.
 *
 * @throws KvsError KVS_BAD_REQUEST when a header is no list of tags
 */
export function conditionOf(c: KvsContext): WriteCondition | undefined {
  const ifMatch = header(c, 'if-match');
  const ifNoneMatch = header(c, 'if-none-match');
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined;
  return {
    ifMatch: ifMatch === undefined ? undefined : parseTags('If-Match', ifMatch, false),
    ifNoneMatch: ifNoneMatch === undefined ? undefined : parseTags('If-None-Match', ifNoneMatch, true),
  };
}

/** What a read answers instead of the version, when a condition of the request says so: 304 or 412. */
export function insteadOfVersion(c: KvsContext, version: Version): Answer | undefined {
  if (!hasCondition(c)) return undefined;
  const condition = conditionOf(c);
  if (condition === undefined) return undefined;
  if (!isMet({ ifMatch: condition.ifMatch }, version.uuid)) return unmetAnswer(version);
  const { ifNoneMatch } = condition;
  if (ifNoneMatch === undefined || !isAmong(ifNoneMatch, version.uuid)) return undefined;
  return { status: 304, headers: tagHeadersOf(c, version), body: null };
}

/** What a write answers whose condition was not met; undefined when it was. */
export function insteadOfWrite(result: WriteResult | undefined): Answer | undefined {
  return result?.outcome === 'unmet' ? unmetAnswer(result.current) : undefined;
}

function unmetAnswer(current: Version | undefined): Answer {
  const detail =
    current === undefined ? 'There is no such key' : 'The key has a version that the condition excludes';
  const headers: Record<string, string> = current === undefined ? {} : { ETag: tagOf(current) };
  return problemAnswer(new KvsError('KVS_PRECONDITION_FAILED', detail), headers);
}

function tagOf(version: Version): string {
  return `"${version.uuid}"`;
}

const ifMatchLength = 'If-Match'.length;
const ifNoneMatchLength = 'If-None-Match'.length;
const letterI = 'i'.charCodeAt(0);
const lowerCaseBit = 0x20;

/**
 * Whether a read may have a condition. Almost none has, and to look a header up Node would first build an object of
 * them all.
 */
function hasCondition(c: KvsContext): boolean {
  const raw = c.env?.incoming?.rawHeaders;
  if (raw === undefined) return true;
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const isLikely = name.length === ifMatchLength || name.length === ifNoneMatchLength;
    if (isLikely && (name.charCodeAt(0) | lowerCaseBit) === letterI) return true;
  }
  return false;
}

/** One element of a list; empty ones may stand between the commas (RFC 9110, section 5.6.1.2). */
const element = /[\t ,]*(W\/)?"([!#-~\u0080-\u00ff]*)"[\t ]*(?=,|$)/y;
const listEnd = /^[\t ,]*$/;

function parseTags(name: string, text: string, takesWeak: boolean): VersionTags {
  if (text.trim() === '*') return '*';
  const tags: string[] = [];
  let count = 0;
  let end = 0;
  element.lastIndex = 0;
  for (let found = element.exec(text); found !== null; found = element.exec(text)) {
    const [, weak, tag = ''] = found;
    if (weak === undefined || takesWeak) tags.push(uuidOfTag(tag));
    count++;
    end = element.lastIndex;
  }
  if (count === 0 || !listEnd.test(text.slice(end))) {
    throw new KvsError('KVS_BAD_REQUEST', `${name} must be * or a list of tags in double quotes`);
  }
  return tags;
}
