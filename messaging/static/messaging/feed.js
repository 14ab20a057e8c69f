// The feed: what is said appears, older items come by scrolling, and what was seen counts as read.

import { call, called, countUnread, eventId, gone, on, paint, showTimes, textOf, time } from "../callboard/live.js";

const feed = document.getElementById("feed");
const template = document.getElementById("item");
const rowOf = (id) => feed.querySelector(`[data-id="${id}"]`);

function made(item) {
  const row = template.content.firstElementChild.cloneNode(true);
  row.classList.add(item.message_type);
  row.classList.toggle("own", item.is_own_message);
  Object.assign(row.dataset, { id: item.message_id, type: item.message_type });
  const part = (name) => row.querySelector(`[data-${name}]`);
  paint(part("avatar"), item.sender_id, called(item.sender_name));
  part("name").textContent = called(item.sender_name);
  if (item.channel_tags.length) part("tags").textContent = item.channel_tags.join(" · ");
  part("time").replaceChildren(time(item.created_at));
  part("text").textContent = textOf(item);
  part("to").hidden = !item.conversation_id;
  part("to").href = `/e/${eventId}/messages/${item.conversation_id}`;
  part("report").href = `/e/${eventId}/report/${item.message_id}`;
  part("report").hidden = item.is_own_message;
  part("delete").action = `/e/${eventId}/delete/${item.message_id}`;
  part("delete").hidden = !item.is_own_message;
  if (item.is_deleted) gone(row, textOf(item));
  return row;
}

function counts(item) {
  return item.message_type !== "direct" && !item.is_own_message && !item.is_deleted && !item.is_catchup;
}

function prepend(item) {
  if (rowOf(item.message_id)) return;
  const row = made(item);
  row.classList.toggle("new", counts(item));
  feed.querySelector(".empty")?.remove();
  feed.prepend(row);
  if (counts(item)) markRead();
}

on("message.created", ({ event_id, item }) => event_id === eventId && prepend(item));
on("message.updated", ({ item }) => {
  const row = rowOf(item.message_id);
  if (!row) return;
  if (item.is_deleted) gone(row, textOf(item));
  else row.replaceWith(made(item));
});
on("sync", async () => {
  const found = await call("GET", `/events/${eventId}/feed?limit=30`).catch(() => null);
  for (const item of (found?.items ?? []).reverse()) prepend(item);
});

// --- Read ------------------------------------------------------------------------------------

let reading = null;

// Not at once: who only passes by has not read it.
function markRead() {
  clearTimeout(reading);
  if (document.hidden) return;
  reading = setTimeout(async () => {
    const newest = feed.querySelector("[data-id]");
    if (!newest || !feed.querySelector(".new")) return;
    await call("POST", `/events/${eventId}/feed/read`, { message_id: newest.dataset.id }).catch(() => {});
    document.querySelector("[data-mark-read]")?.remove();
    countUnread();
  }, 1500);
}

document.addEventListener("visibilitychange", markRead);
markRead();

// --- Older -----------------------------------------------------------------------------------

const link = document.querySelector("[data-older]");
let next = feed.dataset.next;
let isLoading = false;

async function older() {
  if (!next || isLoading) return;
  isLoading = true;
  try {
    const found = await call("GET", `/events/${eventId}/feed?limit=30&cursor=${encodeURIComponent(next)}`);
    for (const item of found.items) {
      if (item.is_catchup && !feed.querySelector(".divider")) {
        feed.append(document.getElementById("catchup").content.cloneNode(true));
      }
      if (!rowOf(item.message_id)) feed.append(made(item));
    }
    next = found.next_cursor;
    link.hidden = !next;
    showTimes(feed);
  } finally {
    isLoading = false;
  }
}

if (link) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    older().catch(() => location.assign(link.href));
  });
  new IntersectionObserver((seen) => seen[0].isIntersecting && older().catch(() => {}), {
    rootMargin: "300px",
  }).observe(link);
}
