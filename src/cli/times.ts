/** An instant as people and programs read it: `2027-01-31T12:00:00.000Z`. */
export function instant(ms: number): string {
  return new Date(ms).toISOString();
}

/** How long ago something was, roughly: `12 s`, `5 min`, `3 h`, `2 d`. */
export function age(ms: number, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - ms) / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
