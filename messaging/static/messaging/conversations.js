// The list of conversations: the one in which something is said moves to the top, with what it was.

import { call, called, eventId, me, on, paint, say, textOf, time } from "../callboard/live.js";

const list = document.getElementById("conversations");
const open = document.getElementById("thread")?.dataset.conversation;
const template = document.getElementById("entry");

const rowOf = (id) => list.querySelector(`[data-conversation="${id}"]`);

function count(row, number) {
  const badge = row.querySelector("[data-count]");
  badge.hidden = !number;
  badge.firstElementChild.textContent = number;
}

// Asked anew, rather than reckoned: how many are unread, what it is called and what was said last come together.
async function refresh(id) {
  const conversation = await call("GET", `/conversations/${id}`).catch(() => null);
  if (conversation?.event_id === eventId) show(conversation);
}

// Whose words they are, where that is not plain: one's own, or one of several people's.
function speaker(conversation, message) {
  if (message.is_own_message) return `${say("you")} `;
  return conversation.kind === "group" ? `${called(message.sender_name)}: ` : "";
}

function show(conversation) {
  const { id } = conversation;
  const row = rowOf(id) ?? template.content.firstElementChild.cloneNode(true);
  const part = (name) => row.querySelector(`[data-${name}]`);
  const others = conversation.participants.filter((person) => person.user_id !== me);
  const name = conversation.title || others.slice(0, 4).map((person) => called(person.name)).join(", ");
  const last = conversation.last_message;
  row.dataset.conversation = id;
  row.querySelector("a").href = `/e/${eventId}/messages/${id}`;
  paint(part("avatar"), others.length === 1 ? others[0].user_id : id, name);
  part("avatar").classList.toggle("many", conversation.kind !== "direct");
  part("help").hidden = conversation.kind !== "help";
  part("name").textContent = name;
  if (last) {
    part("time").replaceChildren(time(last.created_at));
    part("last").textContent = speaker(conversation, last) + [...textOf(last)].slice(0, 90).join("");
  }
  count(row, id === open && !document.hidden ? 0 : conversation.unread_count);
  list.querySelector(".empty")?.remove();
  if (list.firstElementChild !== row) list.prepend(row);
}

if (list) {
  on("message.created", ({ item }) => item.conversation_id && refresh(item.conversation_id));
  on("conversation.created", ({ conversation }) => conversation.event_id === eventId && show(conversation));
  on("message.updated", ({ item }) => item.conversation_id && rowOf(item.conversation_id) && refresh(item.conversation_id));
  on("conversation.read", (told) => {
    const row = told.user_id === me && rowOf(told.conversation_id);
    if (row) count(row, 0);
  });
  on("sync", async () => {
    const found = await call("GET", `/conversations?event=${eventId}&limit=20`).catch(() => null);
    for (const conversation of (found?.items ?? []).reverse()) show(conversation);
  });
}
