/**
 * Facts that every lesson may ask for, kept from the events: who leads partition 0 of the topic `t`, in which
 * epoch, and who is the controller.
 */
import type { AnyEvent, Notes } from './script';

export const TOPIC = 't';

/** The same object if the event changes none of them. */
export function factsAfter(notes: Notes, event: AnyEvent): Notes {
  if (event.what === 'became-leader' && event.topic === TOPIC && event.partition === 0)
    return { ...notes, leader: Number(event.broker), leaderEpoch: Number(event.leaderEpoch) };
  if (event.what === 'controller-elected')
    return {
      ...notes,
      controller: Number(event.broker),
      controllerEpoch: Number(event.controllerEpoch),
    };
  return notes;
}
