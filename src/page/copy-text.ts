/**
 * Puts the text of an element on the clipboard. Where the page comes over plain HTTP from another machine browsers
 * let no page write there: then the text is selected, to be copied by hand, and this is false.
 */
export async function copyText(element: Element): Promise<boolean> {
  if (isSecureContext) {
    try {
      await navigator.clipboard.writeText(element.textContent);
      return true;
    } catch {
      // The reader, or the browser, doesn't allow it.
    }
  }
  getSelection()?.selectAllChildren(element);
  return false;
}
