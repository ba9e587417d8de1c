import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

export const isHelpOpen = signal(false);

const keys: readonly (readonly [string, string])[] = [
  ['1 to 6', 'the views, in their order'],
  ['/', 'filter'],
  ['p', 'pause the timeline, or let it go on'],
  ['t', 'colours: as the system says, light, dark'],
  ['arrows', 'move in the tree of the keys; right opens, left closes'],
  ['Enter', 'look at what is under the cursor'],
  ['?', 'this'],
];

/** The keys of the keyboard. */
export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  const isOpen = isHelpOpen.value;
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  return (
    <dialog ref={dialog} aria-labelledby="help-title" onClose={() => (isHelpOpen.value = false)}>
      <h2 id="help-title">Keys</h2>
      <dl class="facts">
        {keys.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
