import { bringToLife } from './docs-try.ts';
import { copyText } from './copy-text.ts';

/*
 * What the page under /docs does beyond being read: lines are copied, and requests sent to the node that served it. It
 * can be read without.
 */

const shownOrigin = 'http://localhost:8080';
const copiedMs = 2_000;
const wide = matchMedia('(min-width: 901px)');

for (const shell of document.querySelectorAll('.shell')) {
  const code = shell.querySelector('code');
  const button = shell.querySelector('button');
  if (code === null || button === null) continue;
  code.textContent = code.textContent.replaceAll(shownOrigin, location.origin);
  button.hidden = false;
  button.addEventListener('click', () => void copy(code, button));
}
for (const details of document.querySelectorAll<HTMLDetailsElement>('.try')) {
  details.hidden = false;
  bringToLife(details);
}
const index = document.querySelector<HTMLDetailsElement>('.index details');
if (index !== null) {
  index.open = wide.matches;
  index.addEventListener('click', ({ target }) => {
    if (target instanceof HTMLAnchorElement) index.open = wide.matches;
  });
}

async function copy(code: Element, button: HTMLButtonElement): Promise<void> {
  const isCopied = await copyText(code);
  button.textContent = isCopied ? 'Copied' : 'Press Ctrl+C';
  setTimeout(() => (button.textContent = 'Copy'), copiedMs);
}
