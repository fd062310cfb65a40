/** Ada and her answers. The address is derived from the name, so that each test has its own person. */

import { randomUUID } from "node:crypto";

import type { Assessment, Person } from "../lib/assessment";
import type { Scores } from "../lib/scores";

export const SCORES: Scores = {
  GPS: 35,
  CREW: 62,
  ENGINE: 55,
  FUEL: 20,
  CABIN: 81,
  COCKPIT: 70,
  RADAR: 45,
  AUTOPILOT: 90,
};

export const RESULTS = {
  assessment_score: 57, // 458 / 8 = 57.25
  red_systems: 2,
  orange_systems: 2,
  yellow_systems: 2,
  green_systems: 2,
  gps_score: 35,
  money_score: 20,
  weakest_system_1: "FUEL",
  weakest_system_2: "GPS",
  strongest_system: "AUTOPILOT",
};

export function person(name = "Ada", given: Partial<Person> = {}): Person {
  return {
    email: `${name.toLowerCase()}@people.example`,
    first_name: name,
    business_name: `Salon ${name}`,
    phone: "+1 416 555 0100",
    timezone: "America/Toronto",
    locale: "en-CA",
    revenue_leak_total: 14_500,
    ...given,
  };
}

export function assessment(name = "Ada", given: Partial<Assessment> = {}): Assessment {
  return { assessment_id: randomUUID(), scores: SCORES, person: person(name), ...given };
}
