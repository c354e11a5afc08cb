/** What the user looks at: one thing of the picture, by its name. */
export type Selection =
  | { readonly kind: 'broker'; readonly broker: number }
  | {
      readonly kind: 'replica';
      readonly broker: number;
      readonly topic: string;
      readonly partition: number;
    }
  | { readonly kind: 'znode'; readonly path: string }
  | { readonly kind: 'message'; readonly id: number }
  | { readonly kind: 'link'; readonly from: string; readonly to: string }
  | { readonly kind: 'producer' | 'consumer'; readonly name: string }
  | { readonly kind: 'zookeeper' }
  | { readonly kind: 'line'; readonly seq: number };

export function isSame(a: Selection | null, b: Selection | null): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
