// Refreshes the element marked data-refresh. Without this script the page shows the state at the time it was loaded.
const EVERY_MS = 2000;

async function refresh() {
  const shown = document.querySelector("[data-refresh]");
  if (!shown || document.hidden || !getSelection().isCollapsed) return;
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.querySelector("[data-refresh]");
  if (fresh && fresh.innerHTML !== shown.innerHTML) keepingPlace(shown, () => { shown.innerHTML = fresh.innerHTML; });
  document.querySelector(".top nav").innerHTML = page.querySelector(".top nav").innerHTML;
}

// Changes the element, then restores its tables' scroll positions and the focus on a link.
function keepingPlace(shown, change) {
  const places = [...shown.querySelectorAll(".sheet")].map((sheet) => sheet.scrollLeft);
  const focused = document.activeElement?.getAttribute("href");
  change();
  shown.querySelectorAll(".sheet").forEach((sheet, index) => { sheet.scrollLeft = places[index] ?? 0; });
  if (focused) shown.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

setInterval(() => refresh().catch(() => {}), EVERY_MS);
