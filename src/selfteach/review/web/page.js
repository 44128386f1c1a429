// The review page. Text of the model and of the person reaches the page through textContent and .value only.

import { count, differences } from "/words.js";

const KEY = "selfteach-review-key", DRAFT_MS = 600, RETRY_MS = 250, RETRIES = 8;
const $ = (id) => document.getElementById(id);
const mac = /Mac|iPhone|iPad/.test(navigator.platform);
let key = "", state = null, kept = "", ended = false, timer = 0, last = Promise.resolve();

// ---- talking with the program

const post = (path, body, more = {}) => fetch(`/api/${path}`, {
  method: "POST", body: JSON.stringify(body), ...more,
  headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
});

// One request after the other: a draft never overtakes the decision that follows it.
function ask(path, body = {}) {
  const sent = last.then(async () => {
    const reply = await post(path, body);
    const found = await reply.json();
    if (!reply.ok) throw new Error(found.error);
    return found;
  });
  last = sent.catch(() => {});
  return sent;
}

async function enter(tries = RETRIES) {
  const token = location.hash.slice(1);
  history.replaceState(null, "", "/");
  const secret = token ? { token } : { key: sessionStorage.getItem(KEY) ?? "" };
  const reply = await post("open", secret);
  if (reply.status === 409 && secret.key && tries) {  // a reload: the page before this one is still saying goodbye
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    return enter(tries - 1);
  }
  if (!reply.ok) return close(reply.status === 409 ? "Open in another tab" : "Not open", (await reply.json()).error, reply.status === 409 && !token);
  return listen(reply.body.pipeThrough(new TextDecoderStream()).getReader());
}

// The first line is the key and the state; then the line stays open, and its end is the program's end.
async function listen(reader) {
  let text = "";
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += part.value;
      if (!state && text.includes("\n")) {
        const first = JSON.parse(text.split("\n")[0]);
        sessionStorage.setItem(KEY, key = first.key);
        show(first);
      }
    }
  } catch { /* the connection broke: the same as its end */ }
  if (!ended) lost();
}

// ---- showing

function show(found, words = "") {
  const inText = document.activeElement === $("text");
  state = found;
  const { progress, item } = state;
  $("run").textContent = state.run;
  $("progress").hidden = false;
  $("bar").max = progress.total;
  $("bar").value = progress.done;
  $("count").textContent = `${progress.done} of ${progress.total} reviewed` + tally(progress);
  $("status").textContent = words;
  alarm("");
  for (const id of ["work", "done", "closed"]) $(id).hidden = id !== (item ? "work" : "done");
  if (item) work(item, inText); else done(progress);
}

function tally({ edited, unchanged, skipped }) {
  const parts = [[edited, "edited"], [unchanged, "as is"], [skipped, "skipped"]].filter(([n]) => n).map(([n, what]) => `${n} ${what}`);
  return parts.length ? ` · ${parts.join(", ")}` : "";
}

function work(item, inText) {
  $("which").textContent = `Answer ${state.progress.done + 1} of ${state.progress.total}`;
  document.title = `${state.progress.done + 1}/${state.progress.total} · Review · Selfteach`;
  $("prompt").replaceChildren(...turns(item.prompt));
  $("text").value = kept = item.draft || item.answer;
  $("cut").hidden = !item.cut;
  $("undo").disabled = state.progress.done === 0;
  changed();
  scrollTo(0, 0);
  if (inText) { $("text").focus(); $("text").setSelectionRange(0, 0); } else $("work").focus({ preventScroll: true });
}

function turns(prompt) {
  const list = typeof prompt === "string" ? [{ role: "", content: prompt }] : prompt;
  return list.flatMap(({ role, content }) => [
    ...(list.length > 1 ? [element("b", role, "role")] : []),
    element("p", content, "turn"),
  ]);
}

function done(progress) {
  document.title = "All reviewed · Selfteach";
  $("done-head").textContent = progress.total === 1 ? "The answer is reviewed" : `All ${progress.total} answers are reviewed`;
  $("result").textContent = `${progress.edited} edited, ${progress.unchanged} accepted as is, ${progress.skipped} skipped. `
    + "Finish closes this page, and the program goes on.";
  $("again").hidden = !progress.skipped;
  $("back").hidden = !progress.done;
  $("done").focus();
}

function changed() {
  const { answer } = state.item, text = $("text").value, same = text.trimEnd() === answer.trimEnd();
  const pieces = differences(answer.trimEnd(), text.trimEnd());
  $("difference").replaceChildren(...pieces.map(mark));
  $("work").classList.toggle("unchanged", same);
  $("amount").textContent = same ? "nothing yet" : `${count(pieces, "gone")} words out, ${count(pieces, "new")} in`;
  $("restore").hidden = text === answer;
  $("save").setAttribute("aria-disabled", String(same || !text.trim()));
  $("accept").setAttribute("aria-disabled", String(!same));
  grow();
}

function mark([kind, text]) {
  if (kind === "same") return document.createTextNode(text);
  const piece = element(kind === "gone" ? "del" : "ins", text.replaceAll("\n", kind === "gone" ? "¶" : "¶\n"));
  piece.prepend(element("span", kind === "gone" ? "[out: " : "[in: ", "unseen"));
  piece.append(element("span", "]", "unseen"));
  return piece;
}

function element(name, text, kind = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  if (name === "p") made.dir = "auto";
  return made;
}

function grow() {
  const at = scrollY;
  $("text").style.height = "auto";
  $("text").style.height = `${$("text").scrollHeight + 2}px`;
  scrollTo(0, at);
}

function alarm(text) {
  $("alert").textContent = text;
  $("alert").hidden = !text;
}

function close(head, why, again = false) {
  ended = true;
  for (const id of ["work", "done", "progress"]) $(id).hidden = true;
  alarm("");
  $("closed-head").textContent = head;
  $("why").textContent = why;
  $("retry").hidden = !again;
  $("closed").hidden = false;
  $("closed").focus();
}

function lost() {
  ended = true;
  document.body.classList.add("lost");
  alarm("The program has stopped. Every decision is kept; start it again, and open the link that it shows.");
}

// ---- doing

async function act(name, words, body = {}) {
  if (ended || !state || act.busy) return;
  act.busy = true;
  clearTimeout(timer);
  $("status").textContent = "Saving …";
  try {
    if (name !== "save") await draft();
    show(await ask(name, { id: state.item?.id, ...body }), words);
  } catch (fault) {
    $("status").textContent = "";
    alarm(`Not saved: ${fault.message} Your text is still in the field.`);
  } finally {
    act.busy = false;
  }
}

const acts = {
  save() {
    const text = $("text").value;
    if (!text.trim()) say("The text is empty. Skip an answer that has no good form.");
    else if (text.trimEnd() === state.item.answer.trimEnd()) say("Nothing is changed. Accept it as is, or edit it.");
    else act("save", "Saved.", { text });
  },
  accept() {
    if ($("text").value.trimEnd() !== state.item.answer.trimEnd()) say("The text is changed. Save it, or put the model’s words back first.");
    else act("accept", "Accepted as is.");
  },
  skip: () => act("skip", "Skipped."),
  undo: () => { if (!$("undo").disabled) act("undo", "Taken back."); },
  back: () => act("undo", "Taken back."),
  again: () => { if (!$("again").hidden) act("again", "Here they are again."); },
  restore() { $("text").value = state.item.answer; changed(); keep(); $("text").focus(); },
  edit: () => $("text").focus(),
  retry: () => location.reload(),
  async finish() {
    ended = true;
    try { await ask("finish"); } catch { /* it ends while it answers */ }
    close("Finished", "You can close this tab.");
  },
};

function say(words) {
  $("status").textContent = "";
  requestAnimationFrame(() => { $("status").textContent = words; });
}

function keep() {
  clearTimeout(timer);
  const { id } = state.item;
  timer = setTimeout(async () => {
    if (ended || state.item?.id !== id) return;
    try { await draft(); } catch (fault) { if (!ended) alarm(`The draft is not kept: ${fault.message}`); }
  }, DRAFT_MS);
}

// What is typed but not decided is kept by the program, so that undoing and skipping lose no words.
async function draft() {
  const text = $("text").value;
  if (!state.item || text === kept) return;
  await ask("draft", { id: state.item.id, text: text === state.item.answer ? "" : text });
  kept = text;
}

const ON_WORK = { e: "edit", a: "accept", s: "skip", u: "undo", r: "restore" }, ON_DONE = { f: "finish", g: "again", u: "back" };

addEventListener("keydown", (event) => {
  const working = !$("work").hidden, inText = event.target === $("text");
  if (!state || ended || event.isComposing) return;
  let name = "";
  if (working && event.key === "Enter" && (event.ctrlKey || event.metaKey)) name = "save";
  else if (inText && event.key === "Escape") $("work").focus({ preventScroll: true });
  else if (!inText && !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat) {
    name = (working ? ON_WORK : $("done").hidden ? {} : ON_DONE)[event.key.toLowerCase()] ?? "";
  }
  if (!name) return;
  event.preventDefault();
  acts[name]();
});
for (const name of Object.keys(acts)) $(name)?.addEventListener("click", () => acts[name]());
$("text").addEventListener("input", () => { changed(); keep(); });
addEventListener("resize", () => state?.item && grow());
addEventListener("beforeunload", (event) => { if (!ended && state?.item && $("text").value !== kept) event.preventDefault(); });
if (mac) $("save").querySelector("kbd").textContent = "⌘ ↵";

enter().catch(lost);
