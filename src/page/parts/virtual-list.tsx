import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

interface VirtualListProps<T> {
  readonly items: readonly T[];
  /** px; every row has it. */
  readonly rowHeight: number;
  readonly keyOf: (item: T) => string | number;
  readonly label: string;
  readonly children: (item: T) => ComponentChildren;
}

/** Rows above and below what is seen, so that scrolling finds them there. */
const margin = 6;

/** A long list of which only the rows that are seen exist. */
export function VirtualList<T>({ items, rowHeight, keyOf, label, children }: VirtualListProps<T>) {
  const frame = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(0);
  useEffect(() => {
    if (frame.current === null) return undefined;
    const observer = new ResizeObserver(([entry]) => setHeight(entry?.contentRect.height ?? 0));
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(top / rowHeight) - margin);
  const last = Math.min(items.length, Math.ceil((top + height) / rowHeight) + margin);
  return (
    <div
      ref={frame}
      class="virtual"
      tabIndex={0}
      role="group"
      aria-label={label}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
    >
      <ol style={{ height: `${items.length * rowHeight}px`, paddingTop: `${first * rowHeight}px` }}>
        {items.slice(first, last).map((item) => (
          <li key={keyOf(item)} style={{ height: `${rowHeight}px` }}>
            {children(item)}
          </li>
        ))}
      </ol>
    </div>
  );
}
