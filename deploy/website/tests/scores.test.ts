import assert from "node:assert/strict";
import { test } from "node:test";

import { colorOf, scorecard, SYSTEMS, type Scores } from "../lib/scores";
import { RESULTS, SCORES } from "./people";

const all = (score: number, given: Partial<Scores> = {}): Scores =>
  ({ ...Object.fromEntries(SYSTEMS.map((system) => [system, score])), ...given }) as Scores;

test("a color starts at its lowest score and ends just below the next one's", () => {
  const borders = [0, 39, 39.99, 40, 59.99, 60, 79.99, 80, 100];

  assert.deepEqual(borders.map(colorOf), [
    "red",
    "red",
    "red",
    "orange",
    "orange",
    "yellow",
    "yellow",
    "green",
    "green",
  ]);
});

test("eight scores give counts, the mean, the two weakest and the strongest", () => {
  assert.deepEqual(scorecard(SCORES), RESULTS);
});

test("every system has exactly one color", () => {
  for (let score = 0; score <= 100; score += 0.5) {
    const { red_systems, orange_systems, yellow_systems, green_systems } = scorecard(
      all(50, { GPS: score, FUEL: 100 - score }),
    );

    assert.equal(red_systems + orange_systems + yellow_systems + green_systems, 8);
  }
});

test("the overall score is a whole number, halves up", () => {
  assert.equal(scorecard(all(50, { GPS: 54 })).assessment_score, 51); // 50.5
  assert.equal(scorecard(all(50, { GPS: 53 })).assessment_score, 50); // 50.375
  assert.equal(scorecard(all(0)).assessment_score, 0);
  assert.equal(scorecard(all(100)).assessment_score, 100);
});

test("among equal scores the system asked about first is the weaker, and none is both weakest and strongest", () => {
  const ties = [all(50), all(50, { RADAR: 10, CABIN: 10, CREW: 10 }), all(50, { GPS: 90, ENGINE: 90 })];

  assert.deepEqual(
    ties.map(scorecard).map((card) => [card.weakest_system_1, card.weakest_system_2, card.strongest_system]),
    [
      ["GPS", "CREW", "AUTOPILOT"],
      ["CREW", "CABIN", "AUTOPILOT"],
      ["CREW", "FUEL", "ENGINE"],
    ],
  );
});
