/** What `writer-child.ts` writes; recognisable, and each larger than what a test tears off a log. */
export function recordKey(index: number): string {
  return `record-${String(index).padStart(6, '0')}`;
}

export function recordValue(index: number): string {
  return `${index}.`.repeat(100);
}
