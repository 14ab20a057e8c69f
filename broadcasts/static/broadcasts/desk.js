// The organizer's desk, live: what a broadcast would reach while it is written, and how far it has come afterwards.

import { call, eventId, on, wording } from "../callboard/live.js";

const form = document.getElementById("compose");
if (form) compose();
const shown = document.querySelector("[data-broadcast]");
if (shown) watch();
const members = document.getElementById("members");
if (members) choose();

function compose() {
  const words = wording("reasons");
  const part = (name) => document.querySelector(`[data-${name}]`);
  const all = (name) => document.querySelectorAll(`[data-${name}]`);
  part("look").hidden = true;

  function order() {
    const given = new FormData(form);
    const tags = [...given.getAll("tags"), ...given.get("more_tags").split(",")].map((tag) => tag.trim());
    return {
      kind: given.get("kind"),
      content: given.get("content").trim() || "…",
      roles: given.getAll("roles"),
      tags: [...new Set(tags.filter(Boolean))],
      sms: given.has("sms"),
    };
  }

  function sample(body) {
    for (const text of all("sample")) text.textContent = body.content;
    for (const section of all("sms")) section.hidden = !body.sms;
    const item = part("sample-item");
    item.classList.toggle("channel", body.kind === "channel");
    item.classList.toggle("announcement", body.kind !== "channel");
    if (body.tags.length) part("sample-tags").textContent = body.tags.join(" · ");
  }

  let asking = null;
  let asked = 0;
  let recipients = null;

  function nameButton() {
    if (recipients === null) return;
    const isLater = new FormData(form).get("when") === "later";
    part("send").textContent = words[isLater ? "schedule" : "send"].replace("{n}", recipients);
  }

  async function look() {
    const body = order();
    const mine = ++asked;
    try {
      const found = await call("POST", `/events/${eventId}/broadcasts/preview`, body);
      if (mine !== asked) return;
      part("trouble").textContent = "";
      part("recipients").textContent = found.recipients;
      part("segments").textContent = found.segments;
      part("cost").textContent = `${found.estimated_cost.amount} ${found.estimated_cost.currency}`;
      part("excluded").replaceChildren(...Object.entries(found.excluded).map(([reason, number]) => {
        const row = document.createElement("li");
        row.append(
          Object.assign(document.createElement("span"), { textContent: words[reason] ?? reason }),
          Object.assign(document.createElement("b"), { textContent: number }),
        );
        return row;
      }));
      recipients = found.recipients;
      nameButton();
    } catch (problem) {
      if (mine === asked) part("trouble").textContent = problem.told ?? "";
    }
  }

  function changed() {
    sample(order());
    nameButton();
    clearTimeout(asking);
    asking = setTimeout(look, 350);
  }

  form.addEventListener("input", changed);
  form.elements.send_at.addEventListener("input", () => (form.elements.when.value = "later"));
  // Sent twice in haste it is sent once: the form's key sees to that. It need not look as if it were sent twice.
  form.addEventListener("submit", () => setTimeout(() => form.querySelectorAll("button").forEach((each) => (each.disabled = true))));
  addEventListener("pageshow", () => form.querySelectorAll("button").forEach((each) => (each.disabled = false)));
  changed();
}

function watch() {
  const words = wording("states");
  const id = shown.dataset.broadcast;

  function draw(status, progress, audience) {
    const whole = Math.max(audience ?? 0, progress.total) || 1;
    let at = 0;
    for (const bar of shown.querySelectorAll("rect[data-part]")) {
      const share = (100 * progress[bar.dataset.part]) / whole;
      bar.setAttribute("x", at.toFixed(2));
      bar.setAttribute("width", share.toFixed(2));
      at += share;
    }
    for (const count of shown.querySelectorAll("[data-count-of]")) {
      const number = count.dataset.countOf === "audience" ? audience : progress[count.dataset.countOf];
      if (number !== undefined && number !== null) count.textContent = number;
    }
    const pill = shown.querySelector("[data-status-pill]");
    pill.className = `pill ${status}`;
    pill.textContent = words[status] ?? status;
    // What else stands here then (its failures, whether it can be called off) is the page's.
    const isOver = progress.queued + progress.sent === 0 && progress.total >= (audience ?? 1);
    const hasMoved = status !== shown.dataset.status;
    if (hasMoved && (shown.dataset.status === "scheduled" || !["publishing", "published"].includes(status))) location.reload();
    if (isOver && progress.failed + progress.suppressed && !shown.querySelector(".table")) location.reload();
    shown.dataset.status = status;
  }

  async function refresh() {
    const found = await call("GET", `/broadcasts/${id}`).catch(() => null);
    if (found) draw(found.status, found.progress, found.audience);
  }

  on("broadcast.progress", (told) => told.broadcast_id === id && draw(told.status, told.progress, Number(shown.dataset.audience) || null));
  on("sync", refresh);
}

function choose() {
  const boxes = [...members.querySelectorAll('[name="user_id"]')];
  const all = members.querySelector("[data-all]");
  const told = members.querySelector("[data-chosen]");
  const count = () => {
    const number = boxes.filter((box) => box.checked).length;
    told.textContent = number ? ` (${number})` : "";
    all.checked = number > 0 && number === boxes.length;
  };
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    count();
  });
  members.addEventListener("change", count);
  count();
}
