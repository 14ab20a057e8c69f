// A conversation: its messages as they come, older ones by scrolling, read marks, and who is typing.

import { call, called, eventId, gone, me, on, paint, say, textOf, time } from "../callboard/live.js";
import { begin as beginComposer, keepDraft, letGoOfDraft } from "./composer.js";
import "./conversations.js";

const thread = document.getElementById("thread");
if (thread) {
  letGoOfDraft();
  begin();
}
const first = document.querySelector("[data-draft]");
if (first) keepDraft(first);

function begin() {
  const id = thread.dataset.conversation;
  const isGroup = thread.dataset.kind === "group";
  const list = document.getElementById("messages");
  const scroll = document.getElementById("scroll");
  const template = document.getElementById("message");
  const people = new Map(
    [...thread.querySelectorAll(".participants [data-user]")].map((row) => [row.dataset.user, { ...row.dataset }]),
  );
  const rowOf = (messageId) => list.querySelector(`[data-id="${messageId}"]`);
  const isAtEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 120;
  const toEnd = () => (scroll.scrollTop = scroll.scrollHeight);
  // A page of older messages, reached by its address: what comes live belongs further down.
  const isOlderPage = "olderPage" in thread.dataset;

  function made(message) {
    const row = template.content.firstElementChild.cloneNode(true);
    const part = (name) => row.querySelector(`[data-${name}]`);
    row.classList.toggle("own", message.is_own_message);
    Object.assign(row.dataset, { id: message.id, sender: message.sender_id, at: message.created_at });
    paint(part("avatar"), message.sender_id, called(message.sender_name));
    part("name").textContent = called(message.sender_name);
    part("text").textContent = textOf(message);
    part("time").replaceChildren(time(message.created_at));
    part("report").href = `/e/${eventId}/report/${message.id}?next=${location.pathname}`;
    part("report").hidden = message.is_own_message;
    part("delete").action = `/e/${eventId}/delete/${message.id}`;
    part("delete").hidden = !message.is_own_message;
    if (message.is_held) part("state").textContent = say("held");
    if (message.is_deleted) gone(row, textOf(message));
    return row;
  }

  // Messages of one person, sent within the same minutes, stand together.
  function group() {
    let before = null;
    for (const row of list.querySelectorAll(".message")) {
      const isSoon = before && before.dataset.at.slice(0, 15) === row.dataset.at.slice(0, 15);
      row.classList.toggle("goes-on", Boolean(isSoon && before.dataset.sender === row.dataset.sender));
      before = row;
    }
  }

  function add(message) {
    if (rowOf(message.id)) return;
    const wasAtEnd = isAtEnd();
    list.append(made(message));
    // What is still being sent stays last.
    for (const waiting of list.querySelectorAll(".waiting, .unsent")) list.append(waiting);
    group();
    showReaders();
    if (wasAtEnd || message.is_own_message) toEnd();
    if (!message.is_own_message) {
      document.getElementById("heard").textContent = say("heard", {
        name: message.sender_name,
        text: textOf(message),
      });
      stopTyping(message.sender_id);
      markRead();
    }
  }

  // --- Live --------------------------------------------------------------------------------

  const asMessage = (item) => ({ ...item, id: item.message_id });

  on("message.created", ({ item }) => item.conversation_id === id && !isOlderPage && add(asMessage(item)));
  on("message.updated", ({ item }) => {
    const row = rowOf(item.message_id);
    if (!row) return;
    if (item.is_deleted) gone(row, textOf(item));
    else row.replaceWith(made(asMessage(item)));
    group();
  });
  on("sync", async () => {
    if (isOlderPage) return;
    const found = await call("GET", `/conversations/${id}/messages?limit=40`).catch(() => null);
    for (const message of (found?.items ?? []).reverse()) {
      const row = rowOf(message.id);
      if (row && message.is_deleted) gone(row, textOf(message));
      else add(message);
    }
    const conversation = await call("GET", `/conversations/${id}`).catch(() => null);
    for (const person of conversation?.participants ?? []) readTo(person.user_id, person.last_read_message_id);
  });

  // --- Read marks --------------------------------------------------------------------------

  let reading = null;
  let lastRead = people.get(me)?.read;

  function markRead() {
    clearTimeout(reading);
    if (document.hidden || isOlderPage) return;
    reading = setTimeout(() => {
      const theirs = [...list.querySelectorAll(".message:not(.own):not(.waiting)")].at(-1);
      if (!theirs || theirs.dataset.id === lastRead) return;
      lastRead = theirs.dataset.id;
      call("POST", `/conversations/${id}/read`, { message_id: lastRead }).catch(() => (lastRead = null));
    }, 400);
  }

  function readTo(person, messageId) {
    const known = people.get(person);
    if (!known || !messageId || person === me) return;
    known.read = messageId;
    showReaders();
  }

  // Under the last message of mine that somebody has read, and no further.
  function showReaders() {
    list.querySelectorAll(".seen").forEach((line) => line.remove());
    const rows = [...list.querySelectorAll(".message:not(.waiting):not(.unsent)")];
    const places = new Map(rows.map((row, place) => [row.dataset.id, place]));
    const readers = new Map();
    for (const [person, { name, read }] of people) {
      if (person === me || !places.has(read)) continue;
      const seen = rows.slice(0, places.get(read) + 1).filter((row) => row.classList.contains("own")).at(-1);
      if (seen) readers.set(seen, [...(readers.get(seen) ?? []), name]);
    }
    for (const [row, names] of readers) {
      const line = Object.assign(document.createElement("li"), { className: "seen" });
      line.textContent = isGroup ? say("read_by", { names: names.join(", ") }) : say("read");
      row.after(line);
    }
  }

  on("conversation.read", (told) => told.conversation_id === id && readTo(told.user_id, told.message_id));
  document.addEventListener("visibilitychange", markRead);

  // --- Typing ------------------------------------------------------------------------------

  const typing = new Map();
  const line = document.getElementById("typing");

  function showTyping() {
    const names = [...typing.keys()].map((person) => people.get(person)?.name).filter(Boolean);
    line.textContent = names.length ? say(names.length > 1 ? "typing_many" : "typing", { name: names[0] }) : "";
  }

  function stopTyping(person) {
    clearTimeout(typing.get(person));
    if (typing.delete(person)) showTyping();
  }

  on("typing", (told) => {
    if (told.conversation_id !== id || told.user_id === me) return;
    clearTimeout(typing.get(told.user_id));
    // By this machine's own clock: another one's may be wrong.
    typing.set(told.user_id, setTimeout(() => stopTyping(told.user_id), 6000));
    showTyping();
  });

  // --- Older -------------------------------------------------------------------------------

  const link = thread.querySelector("[data-older]");
  let next = thread.dataset.next;
  let isLoading = false;

  async function older() {
    if (!next || isLoading) return;
    isLoading = true;
    try {
      const found = await call("GET", `/conversations/${id}/messages?limit=40&cursor=${encodeURIComponent(next)}`);
      const [height, top] = [scroll.scrollHeight, scroll.scrollTop];
      for (const message of found.items) if (!rowOf(message.id)) list.prepend(made(message));
      next = found.next_cursor;
      link.hidden = !next;
      group();
      showReaders();
      // What was looked at stays where it is.
      scroll.scrollTop = top + scroll.scrollHeight - height;
    } finally {
      isLoading = false;
    }
  }

  if (link) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      older().catch(() => location.assign(link.href));
    });
    scroll.addEventListener("scroll", () => scroll.scrollTop < 300 && older().catch(() => {}), { passive: true });
  }

  const message = (given) => made({ is_deleted: false, is_held: false, sender_id: me, sender_name: "", ...given });
  beginComposer({ id, list, made: message, add, toEnd, group });
  toEnd();
  markRead();
}
