"use strict";
// Asks every second what happened and puts the phones that it happened to in place. What people wrote comes escaped, as
// part of a finished phone; a field that somebody is writing in stays as it is.

const EVERY = 1000;
const phones = document.getElementById("phones");
const state = document.getElementById("state");
let revision = Number(document.body.dataset.revision);
let asking = null;

function beginning() {
  return document.getElementById("beginning").value.trim();
}

async function look() {
  if (document.hidden || asking) return;
  asking = new AbortController();
  const query = new URLSearchParams({ after: revision, to: document.body.dataset.beginning });
  try {
    const answer = await fetch(`/simulator/phones?${query}`, { signal: asking.signal, cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    show(await answer.json());
    state.textContent = "";
  } catch (error) {
    if (error.name !== "AbortError") state.textContent = "The simulator does not answer; trying again.";
  } finally {
    asking = null;
  }
}

function show(news) {
  revision = news.revision;
  document.getElementById("count").textContent = news.count;
  if (news.news) document.getElementById("heard").textContent = news.news;
  const wanted = new Set(news.order);
  for (const phone of [...phones.children]) if (!wanted.has(phone.dataset.number)) phone.remove();
  for (const [number, html] of Object.entries(news.changed)) renew(number, html);
  arrange(news.order);
  document.getElementById("empty").hidden = news.order.length > 0;
}

function find(number) {
  return [...phones.children].find((phone) => phone.dataset.number === number);
}

function renew(number, html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
  const old = find(number);
  localize(fresh);
  if (!old) {
    phones.append(fresh);
  } else {
    const before = old.querySelectorAll(".texts li").length;
    [...fresh.querySelectorAll(".texts li")].slice(before).forEach((text) => text.classList.add("new"));
    old.querySelector("header").replaceWith(fresh.querySelector("header"));
    old.querySelector(".texts").replaceChildren(...fresh.querySelector(".texts").children);
    old.querySelector("[name=to]").value = fresh.querySelector("[name=to]").value;
  }
  const texts = (old || fresh).querySelector(".texts");
  texts.scrollTop = texts.scrollHeight;
}

// Moving a phone takes the focus away from its field, so nothing moves while somebody is writing in one.
function arrange(order) {
  if (phones.contains(document.activeElement)) return;
  order.forEach((number, place) => {
    const phone = find(number);
    if (phone && phones.children[place] !== phone) phones.insertBefore(phone, phones.children[place]);
  });
}

function localize(within) {
  for (const time of within.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    time.textContent = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    time.title = at.toLocaleString();
  }
}

async function call(method, address, document) {
  const answer = await fetch(address, {
    method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(document),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error((said.errors || []).map((one) => `${one.pointer} ${one.detail}`).join(" ") || said.detail);
  return said;
}

async function submit(form, work) {
  const said = form.querySelector(".said");
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const text = await work();
    if (said) { said.textContent = text; said.classList.remove("bad"); }
  } catch (error) {
    if (said) { said.textContent = error.message; said.classList.add("bad"); } else { state.textContent = error.message; }
  } finally {
    button.disabled = false;
    look();
  }
}

function write(form) {
  return submit(form, async () => {
    const { from, to, body } = Object.fromEntries(new FormData(form));
    const field = form.querySelector("[name=body]");
    field.value = "";
    const answer = await call("POST", "/simulator/inbound", { from: from.trim(), to: to.trim(), body }).catch((error) => {
      field.value = body;
      throw error;
    });
    return answer.webhook_status ? "Sent." : "Callboard did not take it; it is offered again.";
  });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  event.preventDefault();
  if (form.id === "find") {
    document.body.dataset.beginning = beginning();
    revision = 0;
    if (asking) asking.abort();
    phones.replaceChildren();
    setTimeout(look, 0);
  } else if (form.id === "faults") {
    submit(form, async () => {
      const shares = Object.fromEntries([...new FormData(form)].map(([name, share]) => [name, Number(share)]));
      await call("PUT", "/simulator/faults", shares);
      return "Set.";
    });
  } else {
    write(form);
  }
});

document.getElementById("no-faults").addEventListener("click", () => {
  const form = document.getElementById("faults");
  for (const field of form.querySelectorAll("input")) field.value = 0;
  form.requestSubmit();
});

document.addEventListener("visibilitychange", look);
localize(document);
for (const texts of document.querySelectorAll(".texts")) texts.scrollTop = texts.scrollHeight;
setInterval(look, EVERY);
