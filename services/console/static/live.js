// Refreshes the elements marked data-refresh. Without this script the page works, but shows only the state at load time.
const EVERY_MS = 5000;
let answeredAt = performance.now();

async function refresh() {
  if (document.hidden || !document.querySelector("[data-refresh]")) return;
  const answer = await fetch(location.pathname, { headers: { Accept: "text/html" }, redirect: "manual" });
  if (answer.type === "opaqueredirect") return location.reload(); // the session has ended: go to the login
  if (!answer.ok) throw new Error(answer.status);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  answeredAt = performance.now();
  for (const part of document.querySelectorAll("[data-refresh]")) {
    const fresh = page.getElementById(part.id);
    if (fresh && !isInUse(part) && fresh.innerHTML !== part.innerHTML) keepingPlace(part, () => { part.innerHTML = fresh.innerHTML; });
    if (fresh && !fresh.hasAttribute("data-refresh") && fresh.innerHTML === part.innerHTML) part.removeAttribute("data-refresh"); // it will not change any more
  }
  document.title = page.title;
}

// Whether the user has selected text in this part, or has opened a form in it.
function isInUse(part) {
  const selection = getSelection();
  return part.querySelector("details[open]") || (!selection.isCollapsed && part.contains(selection.anchorNode));
}

// Applies a change and restores scroll positions and the focus.
function keepingPlace(part, change) {
  const places = [...part.querySelectorAll(".sheet")].map((sheet) => sheet.scrollLeft);
  const active = document.activeElement;
  const focusable = "a, summary, [tabindex]";
  const focused = part.contains(active) ? [...part.querySelectorAll(focusable)].indexOf(active) : -1;
  change();
  part.querySelectorAll(".sheet").forEach((sheet, index) => { sheet.scrollLeft = places[index] ?? 0; });
  if (focused >= 0) part.querySelectorAll(focusable)[focused]?.focus({ preventScroll: true });
}

// Lets the shown ages grow while the console does not answer, and then shows a warning.
function tick() {
  const silence = performance.now() - answeredAt;
  for (const time of document.querySelectorAll("[data-age-ms]")) {
    time.textContent = ago(Number(time.dataset.ageMs) + silence);
  }
  const lost = document.getElementById("lost");
  if (!lost) return;
  lost.hidden = silence < 3 * EVERY_MS || document.hidden;
  if (!lost.hidden) lost.textContent = `The console has not answered for ${duration(silence)}. What you see may have changed since.`;
}

function ago(ms) {
  return ms < 1000 ? "now" : `${duration(ms)} ago`;
}

function duration(ms) {
  for (const [size, unit] of [[86400000, "d"], [3600000, "h"], [60000, "min"]]) {
    if (ms >= 2 * size) return `${Math.round(ms / size)} ${unit}`;
  }
  return `${Math.round(ms / 1000)} s`;
}

const refreshQuietly = () => refresh().catch(() => {});
setInterval(refreshQuietly, EVERY_MS);
document.addEventListener("visibilitychange", refreshQuietly);
setInterval(tick, 1000);
