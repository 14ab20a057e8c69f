// What the pages of an event share: calls to the API in the name of whoever is signed in, times in their zone, the live
// stream, and what they are told in passing. Without all this the pages' forms and links still do their work.

// A list of words in a page's language, by what scripts call them.
export const wording = (id) =>
  Object.fromEntries(
    [...document.getElementById(id).content.querySelectorAll("dt")].map((name) => [
      name.textContent,
      name.nextElementSibling.textContent,
    ]),
  );

const words = wording("words");
export const say = (name, values = {}) => (words[name] ?? words.failed).replace(/\{(\w+)\}/g, (_, key) => values[key]);
export const knows = (name) => name in words;
export const eventId = document.body.dataset.event;
export const me = document.body.dataset.me;

// --- Calls ---------------------------------------------------------------------------------

const cookie = (name) => document.cookie.match(`(?:^|; )${name}=([^;]*)`)?.[1] ?? "";

export class Problem extends Error {
  constructor(status, document) {
    super(document.detail);
    Object.assign(this, { status, ...document });
  }

  // In the reader's language where it is one that a page expects.
  get told() {
    if (this.errors?.length) return lang === "en" ? this.errors[0].detail : say("validation_error");
    return [this.reason, this.code].filter(knows).map((name) => say(name))[0] ?? this.message;
  }
}

// Rejects with a Problem where the server said no, with a TypeError where nothing was heard of it.
export async function call(method, path, body, { key, keepalive } = {}) {
  const headers = { "X-CSRFToken": cookie("csrftoken") };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const response = await fetch(`/api/v1${path}`, { method, headers, keepalive, body: body && JSON.stringify(body) });
  const text = await response.text();
  if (response.status === 401) signedOut();
  if (!response.ok) throw new Problem(response.status, text.startsWith("{") ? JSON.parse(text) : { code: "failed" });
  return text ? JSON.parse(text) : null;
}

// Told once, however many calls hear it.
let isSignedOut = false;
function signedOut() {
  if (isSignedOut) return;
  isSignedOut = true;
  const again = () => (isSignedOut = false);
  note(say("signed_out"), { action: say("sign_in"), then: () => location.reload(), later: again, seconds: 30 });
}

export const newKey = () =>
  crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16)).join("");

// --- Times ---------------------------------------------------------------------------------

const { lang } = document.documentElement;
// English as they write it where the reader lives, where the browser says so.
const language = navigator.languages.find((one) => one.split("-")[0] === lang) ?? lang;
const near = new Intl.RelativeTimeFormat(language, { numeric: "always" });
const far = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const whole = new Intl.DateTimeFormat(language, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});
const STEPS = [["minute", 60, 60], ["hour", 3600, 24], ["day", 86400, 7]];

function relative(moment) {
  const seconds = (moment - Date.now()) / 1000;
  if (Math.abs(seconds) < 45) return say("now");
  for (const [unit, size, most] of STEPS) {
    const number = Math.round(seconds / size);
    if (Math.abs(number) < most) return near.format(number || Math.sign(seconds), unit);
  }
  return far.format(moment);
}

export function showTimes(within = document) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    const exact = whole.format(moment);
    // Of a broadcast the time is the event's own.
    const shown = "fixed" in time.dataset ? time.textContent : "exact" in time.dataset ? exact : relative(moment);
    if (time.title !== exact) time.title = exact;
    if (time.textContent !== shown) time.textContent = shown;
  }
}

export function time(moment) {
  const made = document.createElement("time");
  made.dateTime = moment;
  const holder = document.createElement("span");
  holder.append(made);
  showTimes(holder);
  return made;
}

// --- People --------------------------------------------------------------------------------

export function paint(avatar, id, name) {
  const parts = name.split(/\s+/).filter((part) => /^[\p{L}\p{N}]/u.test(part));
  const [first, last] = [parts[0] ?? "?", parts.length > 1 ? parts.at(-1) : ""];
  avatar.textContent = ([...first][0] + ([...last][0] ?? "")).toUpperCase();
  avatar.className = avatar.className.replace(/ ?tint-\d/, "") + ` tint-${parseInt((id ?? "0").slice(-2), 16) % 6}`;
}

// Who has gone is called so in the reader's language.
export const called = (name) => (name === "Former member" ? say("former") : name);

const GONE = { "This message was removed by a moderator.": "removed", "This message was deleted.": "gone" };
export const textOf = (item) => (item.is_deleted && GONE[item.content] ? say(GONE[item.content]) : item.content);

// --- What is told in passing ---------------------------------------------------------------

const toasts = document.createElement("div");
toasts.className = "toasts";
toasts.setAttribute("role", "status");
document.body.append(toasts);

// A note for a while, with something that can be done about it; `later` runs at its end unless it was done.
export function note(text, { action, then, later, seconds = 6 } = {}) {
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.append(Object.assign(document.createElement("span"), { textContent: text }));
  let isOver = false;
  const end = (work) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    removeEventListener("pagehide", leave);
    toast.remove();
    work?.();
  };
  const leave = () => end(later);
  if (action) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: action });
    button.addEventListener("click", () => end(then));
    toast.append(button);
  }
  const timer = setTimeout(() => end(later), seconds * 1000);
  addEventListener("pagehide", leave);
  toasts.append(toast);
}

// A sender's delete is final: it is carried out when nobody has taken it back for some seconds, or the page is left.
export function deleteWithUndo(row, id) {
  row.hidden = true;
  note(say("deleted"), {
    action: say("undo"),
    then: () => (row.hidden = false),
    later: async () => {
      try {
        await call("DELETE", `/messages/${id}`, undefined, { keepalive: true });
        gone(row, say("gone"));
      } catch (problem) {
        note(problem.told ?? say("failed"));
      }
      row.hidden = false;
    },
  });
}

export function gone(row, text) {
  row.classList.add("gone");
  row.classList.remove("new");
  row.querySelector("[data-text]").textContent = text;
  row.querySelector("[data-menu]").hidden = true;
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-delete]");
  if (!form) return;
  event.preventDefault();
  form.closest("details").open = false;
  const row = form.closest("[data-id]");
  deleteWithUndo(row, row.dataset.id);
});

// One menu at a time, and none after a click elsewhere or Escape.
const menus = () => document.querySelectorAll("details.more[open], details.switcher[open]");
document.addEventListener("click", ({ target }) => menus().forEach((menu) => menu.contains(target) || (menu.open = false)));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// --- The live stream -----------------------------------------------------------------------

const KINDS = [
  "message.created", "message.updated", "conversation.created", "conversation.read", "typing", "delivery.updated",
  "broadcast.progress", "report.updated",
];
const listeners = new Map();
let channel = null;

// `sync` is told when something may have been missed: look again at whatever is shown.
export function on(kind, listener) {
  listeners.set(kind, [...(listeners.get(kind) ?? []), listener]);
}

function tell(kind, data) {
  for (const listener of listeners.get(kind) ?? []) listener(data);
}

// The id of the event that was heard last, at first of the moment at which the page was made: nothing is missed after it.
let place = document.body.dataset.stream;

function pass(kind, data, id) {
  place = id || place;
  tell(kind, data);
  channel?.postMessage({ kind, data, id });
}

const FIRST_PAUSE = 2000, LONGEST_PAUSE = 30000;
const TELL_AFTER = 10000;
let pause = FIRST_PAUSE;
let telling = null;
let isTold = false;

// Of a short interruption nobody hears.
function isAway() {
  telling ??= setTimeout(() => {
    note(say("interrupted"));
    isTold = true;
  }, TELL_AFTER);
}

function isThere() {
  clearTimeout(telling);
  if (isTold) note(say("online"));
  telling = null;
  isTold = false;
  pause = FIRST_PAUSE;
}

function listen() {
  // The browser comes back by itself, with the last id that it heard: nothing is missed by that.
  const source = new EventSource(`/api/v1/stream?last_event_id=${place}`);
  source.onopen = isThere;
  source.onerror = () => {
    isAway();
    if (source.readyState !== EventSource.CLOSED) return;
    // It was refused; until it is there again, what is shown is looked at now and then.
    setTimeout(listen, pause);
    pass("sync");
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  };
  for (const kind of KINDS) source.addEventListener(kind, (event) => pass(kind, JSON.parse(event.data), event.lastEventId));
  source.addEventListener("reset", (event) => pass("sync", undefined, event.lastEventId));
}

// A browser has few connections to one site: of all its windows one listens, and passes on what it hears. When it is
// closed another one goes on, from the same place.
function begin() {
  channel = new BroadcastChannel(`callboard-${me}`);
  channel.onmessage = ({ data }) => {
    place = data.id || place;
    tell(data.kind, data.data);
  };
  if (!navigator.locks) return listen();
  const name = `callboard-stream-${me}`;
  const forEver = () => (listen(), new Promise(() => {}));
  navigator.locks.request(name, { ifAvailable: true }, (lock) => {
    if (lock) return forEver();
    navigator.locks.request(name, forEver);
    // What was passed on before this window listened.
    tell("sync");
  });
}

// --- Badges --------------------------------------------------------------------------------

const title = document.title.replace(/^\(\d+\+?\) /, "");
let counting = null;

export function countUnread() {
  clearTimeout(counting);
  counting = setTimeout(async () => {
    const unread = await call("GET", `/events/${eventId}/unread`).catch(() => null);
    if (!unread) return;
    for (const badge of document.querySelectorAll("[data-unread]")) {
      const number = unread[badge.dataset.unread];
      badge.hidden = !number;
      badge.firstElementChild.textContent = number;
    }
    document.title = unread.total ? `(${unread.total}) ${title}` : title;
  }, 250);
}

// --- When the page is there ----------------------------------------------------------------

document.cookie = `callboard_zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}; path=/; max-age=31536000; SameSite=Lax`;
showTimes();
setInterval(showTimes, 30000);
if (eventId) {
  for (const kind of ["message.created", "message.updated", "sync"]) on(kind, countUnread);
  on("conversation.read", (told) => told.user_id === me && countUnread());
}
// After the modules of the page have said what they listen to.
if (me) addEventListener("load", begin);
// A page that a browser kept while another one was looked at shows what was so then.
addEventListener("pageshow", (event) => event.persisted && tell("sync"));
