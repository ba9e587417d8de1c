import { memberText } from '../../core/json-member.ts';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { UsageError } from '../failure.ts';
import { listedTexts } from '../listed-texts.ts';
import type { Cell } from '../output.ts';
import { wholeNumber } from '../whole-number.ts';

export const listCommand = defineCommand({
  name: 'list',
  summary: 'List what stands below a prefix, or at the top',
  words: [{ name: 'PREFIX', isOptional: true, completes: 'prefix' }],
  options: {
    recursive: { type: 'boolean', short: 'r', summary: 'All keys below it' },
    depth: { type: 'string', value: 'LEVELS', summary: 'So many levels below it. Default: 1' },
    values: {
      type: 'boolean',
      summary: 'Keys with their values; of one that is not JSON, its type and size',
    },
    reverse: { type: 'boolean', summary: 'The last ones first' },
    limit: { type: 'string', value: 'COUNT', summary: 'So many at most' },
  },
  details: `A path on each line, in the order of the bytes; one with a slash at its end has something below it.
With --values, two spaces and the value follow.`,
  examples: [
    'kvs list',
    'kvs list users/ --values',
    'kvs list --recursive --limit 1000',
    'kvs list users/ --recursive --json | jq -r .uuid',
  ],
  async run(context, [prefix = ''], options) {
    if (options.recursive === true && options.depth !== undefined) {
      throw new UsageError('--recursive lists all levels; it does not go with --depth');
    }
    const { output, isJson, requester, signal } = context;
    const limit = wholeNumber('--limit', options.limit);
    const depth = wholeNumber('--depth', options.depth);
    const flags = (['recursive', 'values', 'reverse'] as const).filter((name) => options[name] === true);
    const query = {
      ...Object.fromEntries(flags.map((name) => [name, 'true'])),
      ...(depth === undefined ? {} : { depth: String(depth) }),
    };
    for await (const text of listedTexts(requester, prefix, { query, limit, signal })) {
      if (isJson) await output.jsonText(text);
      else for (const cells of rowsOf(text)) await output.line(...cells);
    }
    return exitCodes.ok;
  },
});

interface ListedFields {
  readonly path: string;
  readonly uuid?: string;
  readonly has_children?: boolean;
  readonly content_type?: string;
  readonly bytes?: number;
  readonly value_base64?: string;
}

/** Where a path is that of a key and of a directory as well, it stands there twice. */
function rowsOf(text: string): readonly (readonly Cell[])[] {
  const fields = JSON.parse(text) as ListedFields;
  const { path, uuid, has_children: hasChildren } = fields;
  const value = valueCell(text, fields);
  return [
    ...(uuid === undefined ? [] : [value === undefined ? [path] : [path, value]]),
    ...(hasChildren === true ? [[['blue', `${path}/`]] as const] : []),
  ];
}

function valueCell(text: string, { value_base64: base64, content_type: type = '', bytes = 0 }: ListedFields) {
  return base64 === undefined ? memberText(text, 'value') : (['dim', `(${type}, ${bytes} bytes)`] as const);
}
