import type { Answer } from './answer.ts';
import type { ServerEvent } from './event-parser.ts';
import {
  arrayOf,
  fieldsOf,
  number,
  optional,
  parseJson,
  text,
  truth,
  valueOf,
  type Fields,
} from './fields.ts';
import { badAnswer } from './kvs-client-error.ts';
import type { EntryMeta, Health, ListedEntry, Member, Revision, WatchEvent, Written } from './types.ts';

/** What the headers of a value tell of it. */
export function metaOf(path: string, { headers, status }: Answer): EntryMeta {
  const uuid = /^"([^"]+)"$/.exec(headers.get('etag') ?? '')?.[1]?.replace(/-gzip$/, '');
  const timestamp = headers.get('kvs-timestamp');
  const contentType = headers.get('content-type');
  const expiresAt = headers.get('kvs-expires-at');
  if (uuid === undefined || timestamp === null || contentType === null) {
    throw badAnswer('The answer does not have the headers of a value', status);
  }
  const expiry = expiresAt === null ? {} : { expiresAt: Number(expiresAt) };
  return { path, uuid, timestamp: Number(timestamp), contentType, ...expiry };
}

export function writtenOf(parsed: unknown, status: number): Written {
  const fields = fieldsOf(parsed);
  return {
    uuid: text(fields, 'uuid'),
    timestamp: number(fields, 'timestamp'),
    created: status === 201,
    ...optional(fields, 'expires_at', number, 'expiresAt'),
  };
}

export function listedOf(parsed: unknown): ListedEntry {
  const fields = fieldsOf(parsed);
  return {
    path: text(fields, 'path'),
    ...optional(fields, 'name', text, 'name'),
    ...optional(fields, 'has_children', truth, 'hasChildren'),
    ...optional(fields, 'uuid', text, 'uuid'),
    ...optional(fields, 'timestamp', number, 'timestamp'),
    ...optional(fields, 'content_type', text, 'contentType'),
    ...optional(fields, 'bytes', number, 'bytes'),
    ...optional(fields, 'expires_at', number, 'expiresAt'),
    ...valueOf(fields),
  };
}

export function revisionOf(parsed: unknown): Revision {
  const fields = fieldsOf(parsed);
  return {
    uuid: text(fields, 'uuid'),
    timestamp: number(fields, 'timestamp'),
    contentType: text(fields, 'content_type'),
    bytes: number(fields, 'bytes'),
    deleted: truth(fields, 'deleted'),
    current: truth(fields, 'current'),
    origin: text(fields, 'origin'),
    ...optional(fields, 'expires_at', number, 'expiresAt'),
  };
}

export function memberOf(parsed: unknown): Member {
  const fields = fieldsOf(parsed);
  return {
    id: text(fields, 'id'),
    address: text(fields, 'address'),
    lastSeen: number(fields, 'last_seen'),
    joinedTimestamp: number(fields, 'joined_timestamp'),
    state: text(fields, 'state'),
  };
}

export function healthOf(parsed: unknown): Health {
  const fields = fieldsOf(parsed);
  return {
    status: text(fields, 'status'),
    mode: text(fields, 'mode'),
    memberCount: number(fields, 'member_count'),
    nodeId: text(fields, 'node_id'),
    ...optional(fields, 'tombstones_held', number, 'tombstonesHeld'),
    ...optional(fields, 'tombstones_held_by', text, 'tombstonesHeldBy'),
    ...optional(fields, 'refused', text, 'refused'),
  };
}

/** Undefined for what tells its reader nothing, or nothing that this client knows. */
export function watchEventOf({ type, data, id = '' }: ServerEvent): WatchEvent | undefined {
  if (data === '') return undefined;
  const fields = fieldsOf(parseJson(data));
  if (type === 'reset') return { event: type, id, reason: text(fields, 'reason') };
  if (type !== 'put' && type !== 'delete' && type !== 'expire') return undefined;
  const key = {
    id,
    path: text(fields, 'path'),
    uuid: text(fields, 'uuid'),
    timestamp: number(fields, 'timestamp'),
  };
  switch (type) {
    case 'delete':
      return { event: type, ...key };
    case 'expire':
      return { event: type, ...key, expiresAt: number(fields, 'expires_at') };
    case 'put':
      return {
        event: type,
        ...key,
        contentType: text(fields, 'content_type'),
        ...optional(fields, 'expires_at', number, 'expiresAt'),
        ...valueOf(fields),
      };
  }
}

/** The array under a name, each element read. */
export function listOf<T>(fields: Fields, name: string, read: (parsed: unknown) => T): T[] {
  return arrayOf(fields[name]).map(read);
}
