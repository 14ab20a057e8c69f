// Writing: a draft survives a reload; what is sent stands at once, and is tried again with the key that it had first.

import { call, eventId, me, newKey, Problem, say } from "../callboard/live.js";

const MOST = 1000;
// Under this a tab remembers which draft it is sending.
const SENT = "draft:sent";
const kept = {
  read: (name, otherwise) => JSON.parse(localStorage.getItem(name) ?? "null") ?? otherwise,
  write: (name, value) => (value.length ? localStorage.setItem(name, JSON.stringify(value)) : localStorage.removeItem(name)),
};

// Of a conversation that is still to begin, what is written in its first message; what was meant for one person is
// not put into another's. It is let go of where a conversation comes of it: until then sending may have failed.
export function keepDraft(field) {
  const to = field.form.querySelector("input[type=hidden][name=to]")?.value ?? "";
  const name = `draft:${me}:new:${eventId}:${to}`;
  sessionStorage.removeItem(SENT);
  const keep = () => kept.write(name, field.value);
  if (field.value) keep(); // written before this ran
  else field.value = kept.read(name, "");
  field.addEventListener("input", keep);
  field.form.addEventListener("submit", ({ submitter }) => {
    if (!submitter?.formNoValidate) sessionStorage.setItem(SENT, name);
  });
}

export function letGoOfDraft() {
  const sent = sessionStorage.getItem(SENT);
  if (sent) localStorage.removeItem(sent);
  sessionStorage.removeItem(SENT);
}

export function begin({ id, list, made, add, toEnd, group }) {
  const form = document.getElementById("composer");
  // Who may not write has none.
  if (!form) return;
  const field = document.getElementById("text");
  // What is empty is not sent, and nobody is told off for a second click.
  form.noValidate = true;
  const left = document.getElementById("left");
  const [draftName, outboxName] = [`draft:${me}:${id}`, `outbox:${me}:${id}`];

  // --- The draft ---------------------------------------------------------------------------

  if (!field.value) field.value = kept.read(draftName, "");
  const length = () => [...field.value.trim()].length;

  function noticed() {
    kept.write(draftName, field.value);
    const over = length() - MOST;
    left.textContent = over > -100 ? String(-over) : "";
    left.classList.toggle("over", over > 0);
    form.querySelector(".send").disabled = over > 0;
  }

  let toldAt = 0;
  field.addEventListener("input", () => {
    noticed();
    if (!field.value.trim() || Date.now() - toldAt < 4000) return;
    toldAt = Date.now();
    call("POST", `/conversations/${id}/typing`).catch(() => {});
  });
  noticed();

  // --- Sending -----------------------------------------------------------------------------

  // What has not been answered yet, or was refused, also from before a reload: [{ key, content, at, refused }].
  const outbox = kept.read(outboxName, []);
  const save = () => kept.write(outboxName, outbox);

  function forget(entry) {
    const place = outbox.indexOf(entry);
    if (place >= 0) outbox.splice(place, 1);
    save();
  }

  function shown(entry) {
    const row = made({ id: entry.key, content: entry.content, created_at: entry.at, is_own_message: true });
    row.querySelector("[data-menu]").hidden = true;
    list.append(row);
    return row;
  }

  function button(name, work) {
    const made = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: say(name) });
    made.addEventListener("click", work);
    return made;
  }

  async function deliver(entry, row) {
    const state = row.querySelector("[data-state]");
    row.classList.remove("unsent");
    row.classList.add("waiting");
    state.textContent = say("sending");
    try {
      const message = await call("POST", `/conversations/${id}/messages`, { content: entry.content }, { key: entry.key });
      forget(entry);
      row.remove();
      add(message);
    } catch (problem) {
      row.classList.replace("waiting", "unsent");
      const isRefused = problem instanceof Problem && problem.status < 500 && ![401, 409, 429].includes(problem.status);
      const told = problem instanceof Problem ? problem.told : say("offline");
      // The answer to a key is kept: what was refused for certain is asked anew, and only when its writer wants it.
      if (isRefused) Object.assign(entry, { key: newKey(), refused: told });
      row.dataset.id = entry.key;
      save();
      leave(entry, row, told);
    }
    group();
  }

  function leave(entry, row, told) {
    const state = row.querySelector("[data-state]");
    row.classList.remove("waiting");
    row.classList.add("unsent");
    state.textContent = `${told} `;
    state.append(
      button("retry", () => { delete entry.refused; deliver(entry, row); }),
      button("discard", () => { forget(entry); row.remove(); }),
    );
  }

  function send() {
    const content = field.value.trim();
    if (!content || length() > MOST) return;
    const entry = { key: newKey(), content, at: new Date().toISOString() };
    outbox.push(entry);
    save();
    field.value = "";
    toldAt = 0;
    noticed();
    form.querySelector(".wrong")?.remove();
    const row = shown(entry);
    group();
    toEnd();
    deliver(entry, row);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
    field.focus();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  const again = () => list.querySelectorAll(".unsent").forEach((row) => {
    const entry = outbox.find((one) => one.key === row.dataset.id);
    if (entry && !entry.refused) deliver(entry, row);
  });
  addEventListener("online", again);
  for (const entry of [...outbox]) {
    if (entry.refused) leave(entry, shown(entry), entry.refused);
    else deliver(entry, shown(entry));
  }
}
