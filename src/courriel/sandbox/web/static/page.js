// The page works without this file; it adds the live list, keys, dropping files in, and copying.
"use strict";

const body = document.body;
const live = document.getElementById("live");
const tell = (text) => { if (live) live.textContent = text; };

// The list, renewed when the server says that something changed.

function renew() {
  const at = new URL(location.href);
  const query = new URLSearchParams();
  for (const name of ["to", "search", "start"]) {
    const value = at.searchParams.get(name);
    if (value) query.set(name, value);
  }
  query.set("opened", body.dataset.opened || "0");
  return fetch(`/list?${query}`, { headers: { Accept: "text/html" } })
    .then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error(String(answer.status)))))
    .then((text) => {
      const made = new DOMParser().parseFromString(text, "text/html");
      for (const id of ["boxes", "list"]) {
        const old = document.getElementById(id);
        const fresh = made.getElementById(id);
        if (!old || !fresh) continue;
        // Whoever is about to choose or to press something is not disturbed.
        if (id === "boxes" && old.contains(document.activeElement) && document.activeElement.closest(".play")) continue;
        const focused = old.contains(document.activeElement) ? document.activeElement.dataset.number : null;
        const top = old.scrollTop;
        old.replaceWith(document.importNode(fresh, true));
        const placed = document.getElementById(id);
        placed.scrollTop = top;
        if (focused) placed.querySelector(`[data-number="${focused}"]`)?.focus({ preventScroll: true });
      }
    })
    .catch(() => {});
}

function listen() {
  if (!document.getElementById("list") || !window.EventSource) return;
  let known = Number(body.dataset.revision);
  let newest = null;
  const source = new EventSource("/events");
  source.onmessage = (message) => {
    const [revision, latest] = message.data.split(" ").map(Number);
    if (newest !== null && latest > newest) tell(body.dataset.textNew);
    newest = latest;
    body.classList.remove("offline");
    if (revision !== known) { known = revision; renew(); }
    body.dataset.live = "yes";
  };
  source.onerror = () => { body.classList.add("offline"); tell(body.dataset.textOffline); };
  window.addEventListener("pagehide", () => source.close());
}

// Keys.

const mails = () => [...document.querySelectorAll("#list [data-number]")];

function step(by) {
  const all = mails();
  const current = all.findIndex((each) => each.getAttribute("aria-current"));
  const next = all[current < 0 ? 0 : current + by];
  if (next) next.click();
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  "/": () => document.getElementById("search")?.select(),
  "?": () => { location.href = "/help"; },
  u: () => document.getElementById("unread")?.click(),
  "#": () => document.getElementById("remove")?.click(),
  g: () => { location.href = `/${body.dataset.where || ""}`; },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const at = event.target;
  if (at.matches?.("input, textarea, select")) {
    if (event.key === "Escape") at.blur();
    return;
  }
  if (/^[1-9]$/.test(event.key)) {
    document.querySelectorAll(".tabs a")[Number(event.key) - 1]?.click();
    return;
  }
  const does = KEYS[event.key];
  if (does) { event.preventDefault(); does(); }
});

// The frame: width, dark, images.

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button");
  if (!button) return;
  const stage = document.querySelector("[data-stage]");
  const frame = stage?.querySelector("iframe");
  if (button.dataset.width && stage) {
    stage.dataset.stage = button.dataset.width;
    for (const each of document.querySelectorAll("[data-width]")) each.setAttribute("aria-pressed", String(each === button));
  } else if ("dark" in button.dataset && stage) {
    const dark = stage.classList.toggle("dark");
    button.setAttribute("aria-pressed", String(dark));
  } else if ("images" in button.dataset && frame) {
    const off = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(off));
    frame.src = frame.src.replace(/&images=off$/, "") + (off ? "&images=off" : "");
  } else if (button.dataset.copy) {
    const text = document.getElementById(button.dataset.copy)?.textContent || "";
    navigator.clipboard?.writeText(text).then(() => tell(body.dataset.textCopied));
    button.classList.add("done");
  }
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// An .eml dropped in.

document.addEventListener("dragover", (event) => {
  if ([...event.dataTransfer.types].includes("Files")) { event.preventDefault(); body.classList.add("dropping"); }
});
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) body.classList.remove("dropping"); });
document.addEventListener("drop", async (event) => {
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  body.classList.remove("dropping");
  let page = "";
  for (const file of event.dataTransfer.files) {
    const answer = await fetch("/drop", { method: "POST", body: file, headers: { "Content-Type": "message/rfc822" } });
    if (answer.ok) page = (await answer.json()).page;
    else tell(await answer.text());
  }
  if (page) location.href = page;
});

listen();
document.querySelector('#list [aria-current="true"]')?.scrollIntoView({ block: "nearest" });
