/** How each exercise is solved, and what comes near and is no solution, by the exercise's name. */
import { BROKER_SOLUTIONS } from './broker-solutions';
import { CLIENT_SOLUTIONS } from './client-solutions';
import { Solution } from './exercise-player';

export const SOLUTIONS: Readonly<Record<string, Solution>> = { ...BROKER_SOLUTIONS, ...CLIENT_SOLUTIONS };
