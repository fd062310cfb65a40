/**
 * Computes the results of eight scores: systems per color, overall score, weakest and strongest systems. The page and
 * the route share this file, so both show the same results.
 */

/** The order of the questions. It also breaks ties: see `scorecard`. */
export const SYSTEMS = ["GPS", "CREW", "ENGINE", "FUEL", "CABIN", "COCKPIT", "RADAR", "AUTOPILOT"] as const;

export type System = (typeof SYSTEMS)[number];

/** Each system's score, 0..100. */
export type Scores = Readonly<Record<System, number>>;

export type Color = "red" | "orange" | "yellow" | "green";

/**
 * The lowest score of each color, defined only here. A score of exactly 40 is orange.
 * Colors decide the segment, and so the e-mails: two or more red are CRITICAL; one red, or two or more orange, are
 * URGENT; all others are OPTIMIZE.
 */
export const LOWEST: Readonly<Record<Color, number>> = { green: 80, yellow: 60, orange: 40, red: 0 };

/** The results, with the gateway's field names. */
export interface Scorecard {
  readonly assessment_score: number;
  readonly red_systems: number;
  readonly orange_systems: number;
  readonly yellow_systems: number;
  readonly green_systems: number;
  readonly gps_score: number;
  readonly money_score: number;
  readonly weakest_system_1: System;
  readonly weakest_system_2: System;
  readonly strongest_system: System;
}

export function colorOf(score: number): Color {
  if (score >= LOWEST.green) return "green";
  if (score >= LOWEST.yellow) return "yellow";
  if (score >= LOWEST.orange) return "orange";
  return "red";
}

/**
 * The results of eight valid scores. The overall score is their mean, rounded to a whole number, halves up.
 *
 * Of equal scores, the system that comes first in the questions is the weaker: with eight equal scores GPS and CREW are
 * the weakest and AUTOPILOT is the strongest, so an e-mail never calls one system both.
 */
export function scorecard(scores: Scores): Scorecard {
  const [weakest, second, ...others] = weakestFirst(scores);
  const count = (color: Color) => SYSTEMS.filter((system) => colorOf(scores[system]) === color).length;
  return {
    assessment_score: Math.round(SYSTEMS.reduce((sum, system) => sum + scores[system], 0) / SYSTEMS.length),
    red_systems: count("red"),
    orange_systems: count("orange"),
    yellow_systems: count("yellow"),
    green_systems: count("green"),
    gps_score: scores.GPS,
    money_score: scores.FUEL, // FUEL is the question about money.
    weakest_system_1: weakest as System,
    weakest_system_2: second as System,
    strongest_system: others[others.length - 1] as System,
  };
}

function weakestFirst(scores: Scores): System[] {
  // Sorting is stable since ES2019, so equal systems keep the order of SYSTEMS.
  return [...SYSTEMS].sort((one, other) => scores[one] - scores[other]);
}
