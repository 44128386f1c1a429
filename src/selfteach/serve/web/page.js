"use strict";

// Texts of people and models become text, never markup.

const find = (id) => document.getElementById(id);
const WORKED_ON = ["waiting", "running"];
const MAX_TOKENS = 256;
const NO_STUDENT = 409;
const BASE = "base";
let teaches = true; // whether a student is served
let turns = []; // [{user, base, taught, ends}], ends by arm: why the answer ended
let running = null; // the controller of the request that runs
let following = false; // whether a job is followed
let isNew = false; // whether a job came since the list was asked for
const newest = { lessons: 0, jobs: 0 }; // the numbers of the last requests

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function addButton(parent, text, work) {
  const button = make("button", "quiet", text);
  button.type = "button";
  button.addEventListener("click", () => attempt(work));
  parent.append(button);
}

async function call(method, path, body, signal) {
  const headers = {};
  const key = sessionStorage.getItem("key");
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  const given = { method, headers, signal };
  if (body) given.body = JSON.stringify(body);
  const response = await fetch(path, given);
  if (response.ok) return response;
  if (response.status === 401) {
    find("entry").hidden = false;
    find("work").hidden = true;
  }
  let words = `the server answered ${response.status}`;
  try {
    words = (await response.json()).error.message;
  } catch {
    // no JSON: the status says it
  }
  throw Object.assign(new Error(words), { status: response.status });
}

async function attempt(work) {
  try {
    find("alert").hidden = true;
    await work();
  } catch (fault) {
    if (fault.name === "AbortError") return;
    warn(fault.message);
  }
}

function warn(words) {
  find("alert").textContent = words;
  find("alert").hidden = false;
}

async function* readEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const data = lines.find((line) => line.startsWith("data: "));
      if (data) yield data.slice(6);
    }
  }
}

// The conversation.

// A turn that this arm did not answer is no part of its conversation, but for the newest one.
function listMessages(arm) {
  const messages = [];
  const newest = getNewestTurn();
  for (const turn of turns) {
    if (turn[arm] || turn === newest) messages.push({ role: "user", content: turn.user });
    if (turn[arm]) messages.push({ role: "assistant", content: turn[arm] });
  }
  return messages;
}

function getNewestTurn() {
  return turns[turns.length - 1];
}

// What is said about the newest taught answer; one that was stopped is cut.
function describeAnswer() {
  return { messages: listMessages("taught"), cut: getNewestTurn().ends.taught !== "stop" };
}

async function askModel(model, arm, turn, place, signal) {
  const messages = listMessages(arm);
  const body = { model, messages, temperature: 0, max_tokens: MAX_TOKENS, stream: true };
  const response = await call("POST", "/v1/chat/completions", body, signal);
  for await (const data of readEvents(response)) {
    if (data === "[DONE]") return;
    const chunk = JSON.parse(data);
    if (chunk.error) throw new Error(chunk.error.message);
    const choice = chunk.choices[0];
    turn[arm] += choice?.delta.content || "";
    if (choice?.finish_reason) turn.ends[arm] = choice.finish_reason;
    place.textContent = turn[arm];
  }
}

// The base stands beside the chosen model; where that is the base, it stands alone.
function listArms() {
  const chosen = find("model").value;
  return chosen === BASE ? [["base", BASE]] : [["base", BASE], ["taught", chosen]];
}

function showTurn(turn) {
  const shown = make("article");
  shown.append(make("p", "question", turn.user));
  const answers = make("div", "answers");
  const places = {};
  for (const [arm, title] of listArms()) {
    const answer = make("div", `answer ${arm}`);
    answer.append(make("h3", "", title));
    places[arm] = make("p");
    answer.append(places[arm]);
    answers.append(answer);
  }
  shown.append(answers);
  find("turns").append(shown);
  return places;
}

async function ask() {
  const user = find("question").value.trim();
  if (!user || running) return;
  const turn = { user, base: "", taught: "", ends: {} };
  turns.push(turn);
  const places = showTurn(turn);
  find("question").value = "";
  const wasHidden = find("correct").hidden;
  find("correct").hidden = true; // what stands in it is of the answer before
  running = new AbortController();
  setBusy(true);
  try {
    const { signal } = running;
    const asked = ([arm, model]) => askModel(model, arm, turn, places[arm], signal);
    await Promise.all(listArms().map(asked));
  } catch (fault) {
    if (!turn.base && !turn.taught && turns.includes(turn)) {
      dropNewestTurn();
      find("correct").hidden = wasHidden;
    }
    throw fault;
  } finally {
    running.abort(); // after a fault of one answer the other one still comes
    running = null;
    setBusy(false);
    if (turn.taught && teaches && turns.includes(turn)) {
      find("correct").hidden = false;
      find("edit").value = turn.taught;
    }
  }
}

// The question of a turn without an answer can be asked again.
function dropNewestTurn() {
  const { user } = turns.pop();
  find("turns").lastElementChild.remove();
  if (!find("question").value) find("question").value = user;
}

function setBusy(busy) {
  find("send").disabled = busy;
  find("stop").hidden = !busy;
}

function beginAgain() {
  if (running) running.abort();
  turns = [];
  find("turns").replaceChildren();
  find("correct").hidden = true;
  find("question").focus();
}

// Lessons and jobs.

async function teach(body) {
  const job = await (await call("POST", "/v1/feedback", body)).json();
  if (job.kind === "edits") await showJobs(); // it takes the collected ones along
  else showNewest(job);
  followJobs();
}

// Of several requests the last one counts: an earlier answer may come later.
async function showLessons() {
  const turn = ++newest.lessons;
  const found = await (await call("GET", "/v1/lessons")).json();
  if (turn !== newest.lessons) return;
  find("student").textContent = found.model;
  const cells = found.exams?.cells ?? {}; // of the lessons that are on now, not of the last change
  find("none").hidden = found.lessons.length > 0;
  find("lessons").replaceChildren(...found.lessons.map((lesson) => makeLesson(lesson, cells)));
  offerModels([found.model, ...found.lessons.map((lesson) => lesson.model)]);
  if (found.fault) warn(found.fault); // the lessons are shown all the same: one may be the cause
}

function offerModels(names) {
  const before = find("model").value;
  find("model").replaceChildren(...names.map((name) => new Option(name, name)));
  find("model").value = names.includes(before) ? before : names[0];
}

// The models of a server without a student: nothing can be taught there.
async function showModels() {
  const found = await (await call("GET", "/v1/models")).json();
  const names = found.data.map((row) => row.id).filter((name) => name !== BASE);
  offerModels(names.length ? names : [BASE]);
  teaches = false;
  find("teaching").hidden = true;
  find("work").classList.add("untaught");
  find("what").textContent = document.title = "Ask";
  find("student").textContent = names.length > 1 ? "the models" : names[0] || BASE;
  if (!names.length) find("question").placeholder = "Ask the model";
}

function makeLesson(lesson, cells) {
  const row = make("li");
  const label = make("label", "name");
  const box = make("input");
  box.type = "checkbox";
  box.checked = lesson.on;
  const path = `/v1/lessons/${encodeURIComponent(lesson.name)}`;
  box.addEventListener("change", () =>
    attempt(async () => {
      try {
        await call("PATCH", path, { on: box.checked });
      } finally {
        await showLessons();
      }
    }),
  );
  label.append(box, make("span", "", lesson.title));
  row.append(label);
  const acts = make("div", "soft");
  const cell = cells[lesson.name];
  if (cell) acts.append(make("span", `state ${cell.state}`, cell.state), " ");
  addButton(acts, "take back", async () => {
    await call("DELETE", path);
    await showLessons();
    await showJobs();
  });
  row.append(acts);
  return row;
}

async function showJobs() {
  const turn = ++newest.jobs;
  const found = await (await call("GET", "/v1/jobs")).json();
  if (turn === newest.jobs) {
    find("jobs").replaceChildren();
    for (const job of found.data.slice(0, 20).reverse()) showJob(job);
  }
  return found.data; // the newest first
}

// A list of jobs that was asked for before does not know this one.
function showNewest(job) {
  ++newest.jobs;
  showJob(job);
}

function showJob(job) {
  const row = make("li");
  row.id = job.id;
  row.append(make("span", "", job.title), " ", make("span", `state ${job.state}`, job.state));
  const last = job.log && job.log.length ? job.log[job.log.length - 1] : "";
  row.append(make("p", "soft", job.message || (job.state === "running" ? last : "")));
  const acts = make("div");
  if (["collected", "waiting", "running"].includes(job.state)) {
    addButton(acts, "cancel", () => change("DELETE", `/v1/jobs/${job.id}`));
  }
  if (job.state === "refused") {
    const accept = async (body) => {
      await change("POST", `/v1/jobs/${job.id}/accept`, body);
      followJobs();
    };
    addButton(acts, "add it all the same", () => accept());
    if (job.worse.length) {
      const words = `let it count instead of ${job.worse.join(", ")}`;
      addButton(acts, words, () => accept({ instead_of: job.worse }));
    }
  }
  if (job.state === "added") {
    addButton(acts, "take back", () => change("DELETE", `/v1/jobs/${job.id}`));
  }
  row.append(acts);
  const old = find(job.id);
  if (old) old.replaceWith(row);
  else find("jobs").prepend(row);
}

async function change(method, path, body) {
  showNewest(await (await call(method, path, body)).json());
  await showLessons();
}

// One job after another: a browser opens six connections to a server, and answers need some.
async function followJobs() {
  isNew = true;
  if (following) return;
  following = true;
  try {
    while (isNew) {
      isNew = false; // the list that is asked for next knows the job
      const followed = new Set(); // one that waits for a person is open, and its events have ended
      for (let id = await findOpenJob(followed); id; id = await findOpenJob(followed)) {
        const response = await call("GET", `/v1/jobs/${id}/events`);
        for await (const data of readEvents(response)) {
          const job = JSON.parse(data);
          if (job.id) showJob(job);
          else followed.add(id); // the last event
        }
      }
    }
  } catch (fault) {
    warn(`The server no longer tells about jobs: ${fault.message}`);
  } finally {
    following = false;
  }
}

// The job that is worked on, or else the oldest one that waits.
async function findOpenJob(followed) {
  const isOpen = (job) => WORKED_ON.includes(job.state) && !followed.has(job.id);
  const open = (await showJobs()).filter(isOpen);
  await showLessons(); // of a job, too, that ended before it was followed
  const job = open.find((job) => job.state === "running") || open[open.length - 1];
  return job && job.id;
}

// What the person does.

function onSubmit(id, work) {
  find(id).addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(work);
  });
}

async function teachFrom(id, makeBody) {
  const text = find(id).value.trim();
  if (!text) return;
  await teach(makeBody(text));
  if (id !== "edit") find(id).value = "";
}

onSubmit("ask", ask);
onSubmit("teach", () => teachFrom("rule", (rule) => ({ rule })));
onSubmit("correct", () =>
  teachFrom("edit", (edit) => ({ edit, ...describeAnswer() })),
);
find("criticize").addEventListener("click", () =>
  attempt(() =>
    teachFrom("criticism", (criticism) => ({ criticism, ...describeAnswer() })),
  ),
);
find("criticism").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;  // an input method's own Enter
  event.preventDefault();
  find("criticize").click();
});
find("question").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  attempt(ask);
});
find("stop").addEventListener("click", () => running && running.abort());
find("fresh").addEventListener("click", beginAgain);
onSubmit("entry", async () => {
  sessionStorage.setItem("key", find("key").value);
  await begin();
});

async function begin() {
  try {
    await showLessons();
  } catch (fault) {
    if (fault.status !== NO_STUDENT) throw fault;
    await showModels();
  }
  find("entry").hidden = true;
  find("work").hidden = false;
  if (teaches) followJobs();
}

attempt(begin);
