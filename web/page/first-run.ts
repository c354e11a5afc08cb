/** The run of who opens the page without a link: broker 1 leads, another broker is the controller. */
import { DEFAULT_RUN, Run } from '../shared/run';

export const FIRST_RUN: Run = { ...DEFAULT_RUN, seed: '2' };
