/** Hands the store to every view. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { Store } from '../store';

export const StoreContext = createContext<Store | undefined>(undefined);

export function useStore(): Store {
  const store = useContext(StoreContext);
  if (!store) throw new Error('A view was drawn outside the page: it has no store.');
  return store;
}
