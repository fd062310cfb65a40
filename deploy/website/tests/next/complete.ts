/** A site's `pages/api/assessment/complete.ts`, compiled like a new site, against Next's own types. */

import type { NextApiHandler, PageConfig } from "next";

import { assessmentRoute } from "../../api/assessment/complete";
import { submitAssessment } from "../../client";

export const plain = assessmentRoute({ allow: () => true }) satisfies NextApiHandler;

export default assessmentRoute({
  allow: (request) => typeof request.headers === "object",
  onUndelivered: async ({ webhookId, signup }) => void [webhookId, signup],
}) satisfies NextApiHandler;

export const config: PageConfig = { maxDuration: 15 };

export const onThePage = submitAssessment satisfies (...given: never[]) => Promise<{ status: string }>;
