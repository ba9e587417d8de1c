import type { WriteResult } from '../../core/ports.ts';
import { plainBytes, type Version } from '../../core/version.ts';
import { send } from '../answer.ts';
import { insteadOfVersion, insteadOfWrite } from '../conditions.ts';
import type { KvsContext } from '../context.ts';
import { answerOfPut } from '../idempotency.ts';
import { sendPacked } from './kv-encoding.ts';
import { expiryMember, withExpiry } from '../ttl.ts';

/** Answers a read with a version that has a value, unless a condition of the request says otherwise. */
export function sendVersion(c: KvsContext, version: Version, nowMs: number): Response | Promise<Response> {
  const instead = insteadOfVersion(c, version);
  if (instead !== undefined) return send(c, instead);
  const headers = withExpiry(headersOf(version), version, nowMs);
  if (version.encoding !== undefined) return sendPacked(c, version, headers);
  return send(c, { status: 200, headers, body: version.data });
}

/**
 * Answers the write of a value.
 *
 * @throws KvsError KVS_IDEMPOTENCY_MISMATCH
 */
export function sendWritten(c: KvsContext, result: WriteResult | undefined): Response {
  const refused = insteadOfWrite(result);
  if (refused !== undefined) return send(c, refused);
  const { outcome, uuid, timestamp, expiresAt } = answerOfPut(result);
  const body = `{"uuid":"${uuid}","timestamp":${timestamp}${expiryMember(expiresAt)}}`;
  return send(c, {
    status: outcome === 'created' ? 201 : 200,
    headers: {
      'Content-Type': 'application/json',
      'Content-Length': String(body.length),
      ETag: `"${uuid}"`,
    },
    body,
  });
}

/** A version never changes, and neither do its headers: what is read again and again needs them made only once. */
const headersOfVersions = new WeakMap<Version, Readonly<Record<string, string>>>();

function headersOf(version: Version): Readonly<Record<string, string>> {
  const known = headersOfVersions.get(version);
  if (known !== undefined) return known;
  const headers = {
    'Content-Type': version.contentType,
    'Content-Length': String(plainBytes(version)),
    ETag: `"${version.uuid}"`,
    'Last-Modified': new Date(version.timestamp).toUTCString(),
    'KVS-Timestamp': String(version.timestamp),
    'X-Content-Type-Options': 'nosniff',
  };
  headersOfVersions.set(version, headers);
  return headers;
}
