/**
 * Java's String.hashCode: 31·h + UTF-16 code unit, in 32 bits. Kafka uses it to choose a group's partition of
 * __consumer_offsets and to distribute partitions.
 *
 * [p] java.lang.String#hashCode
 */
export function javaStringHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0;
  return hash;
}
