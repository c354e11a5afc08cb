/**
 * Java's String.hashCode: 31·h + UTF-16 code unit, 32 bits. Kafka places groups and deals partitions by it.
 *
 * [p] java.lang.String#hashCode
 */
export function javaStringHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0;
  return hash;
}
