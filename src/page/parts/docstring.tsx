import type { ComponentChildren } from 'preact';

/** The docstring of a machine: paragraphs, and lists of `- ` items, with code between backticks. */
export function Docstring({ text }: { readonly text: string }) {
  return (
    <div class="docstring">
      {text.split(/\n\n+/).map((block, index) =>
        block.startsWith('- ') ? (
          <ul key={index}>
            {itemsOf(block).map((item, at) => (
              <li key={at} class={item.isNested ? 'nested' : undefined}>
                <Words text={item.text} />
              </li>
            ))}
          </ul>
        ) : (
          <p key={index}>
            <Words text={block} />
          </p>
        ),
      )}
    </div>
  );
}

function itemsOf(block: string): { text: string; isNested: boolean }[] {
  return block.split(/\n(?=\s*- )/).map((item) => ({
    text: item.replace(/^\s*- /, ''),
    isNested: /^\s+- /.test(item),
  }));
}

function Words({ text }: { readonly text: string }): ComponentChildren {
  return text.split('`').map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part));
}
