const jsonType = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/** `application/json`, and every type that ends in `+json` (RFC 6839). */
export function isJsonType(contentType: string): boolean {
  return jsonType.test(contentType);
}
