/** One machine as a drawing: made at build time from its code, lit by the page. */
export interface Chart {
  /** The machine's id. */
  readonly id: string;
  /** What its code says of it: what it does, and its states, in the Markdown of a list. */
  readonly docstring: string;
  /** Left to right, for wide screens, and top to bottom, for narrow ones. */
  readonly wide: ChartLayout;
  readonly narrow: ChartLayout;
  /** Without words, as small as it can be. */
  readonly mini: ChartLayout;
  /** What the machine takes without leaving a state. */
  readonly inner: readonly InnerRow[];
}

/** All lengths in px at full size, from the upper left corner. */
export interface ChartLayout {
  readonly width: number;
  readonly height: number;
  readonly states: readonly ChartState[];
  readonly edges: readonly ChartEdge[];
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface ChartState extends Box {
  /** Dots between the keys of nested states; for `start` and `any` that of their group, empty at the top. */
  readonly path: string;
  /**
   * `group` has states of which one is active, `parallel` such of which all are; `start` is the dot from which a group
   * is entered, `any` stands for whichever state of its group is active.
   */
  readonly kind: 'state' | 'group' | 'parallel' | 'final' | 'history' | 'start' | 'any';
  readonly title: string;
  /** The effects that run while it is active. */
  readonly effects: readonly string[];
}

/** An arrow. Transitions between the same two states share one. */
export interface ChartEdge {
  /** Where it leaves from: a state, or for `isFromAny` the group of which any state will do. */
  readonly from: string;
  readonly isFromAny: boolean;
  readonly to: string;
  /** The types of the events that take it, as XState writes them; empty for one that waits for none. */
  readonly events: readonly string[];
  /** Corners of the line, from its beginning to its head. */
  readonly points: readonly Point[];
  readonly label: ChartLabel | undefined;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface ChartLabel extends Box {
  readonly lines: readonly string[];
}

export interface InnerRow {
  /** Empty: in any state. */
  readonly state: string;
  readonly event: string;
  readonly actions: readonly string[];
}

/** The sizes by which a chart was laid out; whoever draws it must keep to them. px. */
export const chartSizes = {
  stateFont: 13,
  labelFont: 11,
  labelLine: 15,
  labelPadding: 4,
  stateLine: 20,
  effectLine: 16,
  statePaddingX: 14,
  statePaddingY: 9,
  groupTitle: 34,
  cornerRadius: 8,
} as const;
