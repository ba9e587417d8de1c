import { jsonOf, textOf } from '../client/answer.ts';
import { encodePrefix } from '../client/encode-path.ts';
import { fieldsOf, text } from '../client/fields.ts';
import type { Requester } from '../client/requester.ts';
import { memberText, objectTexts } from '../core/json-member.ts';
import { limits } from '../core/limits.ts';

export interface ListedTextsOptions {
  /** What the list asks for, without its `limit` and `cursor`. */
  readonly query: Readonly<Record<string, string>>;
  /** So many entries at most; undefined: all. */
  readonly limit: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * The entries of a list as the node wrote them, page after page. Values are not read, and so keep every digit of their
 * numbers. Between two pages another node may go on: a cursor means the same to all.
 *
 * @throws KvsClientError; or the reason of the signal
 */
export async function* listedTexts(
  requester: Requester,
  prefix: string,
  { query, limit, signal }: ListedTextsOptions,
): AsyncGenerator<string, void, undefined> {
  let left = limit ?? Infinity;
  let cursor: string | undefined;
  while (left > 0) {
    const asked = new URLSearchParams({
      ...query,
      limit: String(Math.min(left, limits.listedKeysMax)),
      ...(cursor === undefined ? {} : { cursor }),
    });
    const target = `/kv/${encodePrefix(prefix)}?${asked.toString()}`;
    const page = await requester.call(
      { method: 'GET', target, headers: { Accept: 'application/json' }, repeatable: 'anywhere', signal },
      (answer) => ({ text: textOf(answer), next: nextOf(jsonOf(answer)) }),
    );
    const entries = memberText(page.text, 'keys') ?? memberText(page.text, 'children') ?? '[]';
    for (const entry of objectTexts(entries)) {
      left--;
      yield entry;
    }
    if (page.next === undefined) return;
    cursor = page.next;
  }
}

function nextOf(page: unknown): string | undefined {
  const fields = fieldsOf(page);
  return fields['next'] === null ? undefined : text(fields, 'next');
}
