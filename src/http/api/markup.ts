import { html } from 'hono/html';
import { assert } from '../../core/errors.ts';

/** Text that is HTML already. */
export interface Markup {
  toString(): string;
}

/** HTML from a template; whatever is put into it is escaped, unless it is markup itself. */
export function markup(strings: TemplateStringsArray, ...values: readonly unknown[]): Markup {
  const made = html(strings, ...values);
  assert(!(made instanceof Promise), 'nothing in the page has to be waited for');
  return made;
}

/** A text with code between backticks, as descriptions have it. */
export function prose(text: string): readonly Markup[] {
  return text
    .split('`')
    .map((part, index) => (index % 2 === 1 ? markup`<code>${part}</code>` : markup`${part}`));
}
