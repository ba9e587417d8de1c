import { KvsError } from '../../core/errors.ts';
import type { WriteResult } from '../../core/ports.ts';
import { isAbsentAt, type Version } from '../../core/version.ts';
import { problems } from '../problem.ts';
import { valueMember } from '../json-value.ts';
import { plainValue } from '../plain-value.ts';
import { expiryMember } from '../ttl.ts';

/**
 * Adds what came of the line `number` of a batch, as a line of its answer. To one array for all lines: what each would be
 * put together to is only copied.
 */
export function addWriteLine(
  pieces: (string | number)[],
  number: number,
  result: WriteResult | undefined,
): void {
  switch (result?.outcome) {
    case 'created':
    case 'replaced': {
      const { uuid, timestamp, expiresAt } = result.version;
      const status = result.outcome === 'created' ? ',"status":201,"uuid":"' : ',"status":200,"uuid":"';
      pieces.push(
        '{"line":',
        number,
        status,
        uuid,
        '","timestamp":',
        timestamp,
        expiryMember(expiresAt),
        '}\n',
      );
      return;
    }
    case 'deleted':
      pieces.push('{"line":', number, ',"status":204}\n');
      return;
    case 'absent':
      pieces.push(failureLine(number, notFound));
      return;
    case 'unmet':
    case 'repeated':
    case 'mismatched':
    case undefined:
      pieces.push(
        failureLine(number, new KvsError('KVS_INTERNAL', 'The store gave no result for this line')),
      );
  }
}

export async function readLine(number: number, version: Version | undefined, nowMs: number): Promise<string> {
  if (version === undefined || isAbsentAt(version, nowMs)) return failureLine(number, notFound);
  const { uuid, timestamp, contentType, expiresAt } = version;
  return (
    `{"line":${number},"status":200,"uuid":"${uuid}","timestamp":${timestamp},` +
    `"content_type":${JSON.stringify(contentType)}${expiryMember(expiresAt)},${valueMember(contentType, await plainValue(version))}}\n`
  );
}

export function failureLine(number: number, { code, message }: KvsError): string {
  const [status] = problems[code];
  return `{"line":${number},"status":${status},"code":"${code}","detail":${JSON.stringify(message)}}\n`;
}

const notFound = new KvsError('KVS_KEY_NOT_FOUND', 'There is no such key');
