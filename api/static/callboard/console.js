"use strict";
/* The console works without this; with it, by keys as well. */
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const one = (selector, from = document) => from.querySelector(selector);

  const menu = one(".bar-menu");
  if (menu) {
    menu.addEventListener("click", () => {
      const is_open = document.body.classList.toggle("menu-open");
      menu.setAttribute("aria-expanded", String(is_open));
    });
  }

  /* Times in the zone of the browser, unless another was chosen. */
  if (!document.cookie.includes("callboard_zone=")) {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone) {
      document.cookie = `callboard_zone=${zone}; path=/admin/; max-age=31536000; samesite=lax`;
    }
  }

  all("[data-submits]").forEach((field) => field.addEventListener("change", () => field.form.requestSubmit()));
  const every = one("[data-picks-all]");
  if (every) {
    every.addEventListener("change", () => all("[data-pick]").forEach((pick) => { pick.checked = every.checked; }));
  }
  /* One filter open at a time; a click elsewhere closes it. */
  document.addEventListener("click", (event) => {
    all("details.filter[open]").forEach((filter) => { if (!filter.contains(event.target)) filter.open = false; });
  });

  /* Django's searching fields come without a name for those who do not see them. */
  const name = () => all(".select2-search__field:not([aria-label])").forEach((field) => {
    const around = field.closest(".form-row");
    const label = around && one("label", around);
    field.setAttribute("aria-label", label ? label.textContent.replace(":", "").trim() : "Search");
  });
  if (one(".admin-autocomplete")) {
    new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
    window.addEventListener("load", name);
  }

  const rows = all("[data-row]");
  let at = -1;
  const go = (to) => {
    if (!rows.length) return;
    at = Math.max(0, Math.min(rows.length - 1, to));
    rows.forEach((row, place) => row.classList.toggle("is-at", place === at));
    one("[data-open]", rows[at]).focus();
    rows[at].scrollIntoView({ block: "nearest" });
  };
  rows.forEach((row, place) => row.addEventListener("focusin", () => {
    at = place;
    rows.forEach((other, number) => other.classList.toggle("is-at", number === at));
  }));
  const press = (selector, from = document) => { const found = one(selector, from); if (found) found.click(); };
  const here = () => rows[at] || document;
  const keys = {
    j: () => go(at + 1),
    k: () => go(at - 1),
    o: () => at >= 0 && press("[data-open]", rows[at]),
    x: () => at >= 0 && press("[data-pick]", rows[at]),
    c: () => { if (at >= 0 || !rows.length) press("[data-claim]", here()); },
    n: () => one("[data-note]") && one("[data-note]").focus(),
    d: () => { const first = one(".decision input[type=checkbox]"); if (first) first.focus(); },
    g: () => press("[data-next]"),
    "/": () => { const search = one("[data-search], #searchbar"); if (search) search.focus(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && document.activeElement) document.activeElement.blur();
    if (event.target.closest("input:not([type=checkbox]), textarea, select")) return;
    const does = keys[event.key];
    if (does) { event.preventDefault(); does(); }
  });
})();
