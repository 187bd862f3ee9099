// One socket to the gateway: requests with answers, events, and a connection that always comes back.
// Nothing is re-sent from here: who asks decides what a lost answer means.
const REQUEST_MS = 15_000;
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 15_000;
const QUIET_TICKS = 2.5;
const TRIES_UNTIL_OFFLINE = 4;

export class GatewayError extends Error {
  constructor({ code, message, retryable = false, details = {} }) {
    super(message);
    Object.assign(this, { code, retryable, details });
  }
}

export class Gateway {
  // Listeners: `onState(name, words)`, `onReady(hello)`, `onEvent(name, payload)`, `onLost()`.
  constructor(listeners) {
    this.listeners = listeners;
    this.pending = new Map();
    this.nextId = 1;
    this.tries = 0;
    this.isReady = false;
    this.tickMs = 30_000;
    addEventListener("online", () => this.connectNow());
    addEventListener("offline", () => this.say("offline"));
    addEventListener("pagehide", () => this.stop());
    addEventListener("pageshow", (event) => event.persisted && this.start());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && !this.isReady) this.connectNow();
    });
  }

  start() {
    this.isStopped = false;
    this.connectNow();
  }

  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  // Gives up on a socket that is open and does not answer. Its own close may take a minute on a dead line: nobody waits for it.
  restart() {
    const { socket } = this;
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.close();
    this.closed(socket, 0);
    this.socket = null;
  }

  say(name) {
    this.state = name;
    this.listeners.onState(name);
  }

  connectNow() {
    if (this.isStopped || (this.socket && this.socket.readyState <= WebSocket.OPEN)) return;
    clearTimeout(this.timer);
    if (this.state !== "restarting" && this.state !== "offline") this.say("connecting");
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/gateway`);
    this.socket = socket;
    socket.addEventListener("open", () => this.hello(socket));
    socket.addEventListener("message", (event) => this.receive(socket, event.data));
    socket.addEventListener("close", (event) => this.closed(socket, event.code));
  }

  async hello(socket) {
    try {
      const answer = await this.request("connect", { client: { id: "holdfast-web", version: "1", mode: "page" } });
      if (socket !== this.socket) return;
      this.tries = 0;
      this.isReady = true;
      this.policy = answer.policy ?? {};
      this.tickMs = this.policy.tickMs ?? this.tickMs;
      this.say("connected");
      this.listeners.onReady(answer);
    } catch (error) {
      if (error.code === "unauthenticated") {
        this.isStopped = true;
        this.say("signed-out");
      }
      socket.close();
    }
  }

  // Resolves with the payload; rejects with GatewayError, code `lost` when no answer came.
  request(method, params, { timeoutMs = REQUEST_MS } = {}) {
    return new Promise((resolve, reject) => {
      if (this.socket?.readyState !== WebSocket.OPEN) {
        reject(new GatewayError({ code: "lost", message: "Not connected.", retryable: true }));
        return;
      }
      const id = String(this.nextId++);
      const timer = setTimeout(() => this.settle(id, { code: "lost", message: "No answer came.", retryable: true }), timeoutMs);
      this.pending.set(id, { resolve, reject, timer });
      this.socket.send(JSON.stringify({ type: "req", id, method, params }));
    });
  }

  settle(id, error, payload) {
    const waiting = this.pending.get(id);
    if (!waiting) return;
    this.pending.delete(id);
    clearTimeout(waiting.timer);
    if (error) waiting.reject(new GatewayError(error));
    else waiting.resolve(payload);
  }

  receive(socket, data) {
    if (socket !== this.socket) return;
    this.listen();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (frame.type === "res") this.settle(frame.id, frame.ok ? null : frame.error, frame.payload);
    else if (frame.type === "event") this.heard(frame.event, frame.payload ?? {});
  }

  heard(name, payload) {
    if (name === "shutdown") {
      this.restartMs = payload.restartExpectedMs;
      this.say("restarting");
    }
    if (name !== "tick") this.listeners.onEvent(name, payload);
  }

  // A socket that says nothing for several ticks is dead, whatever its state says: a closed lid looks like this.
  listen() {
    clearTimeout(this.quietTimer);
    this.quietTimer = setTimeout(() => this.restart(), this.tickMs * QUIET_TICKS);
  }

  closed(socket, code) {
    if (socket !== this.socket) return;
    clearTimeout(this.quietTimer);
    const wasReady = this.isReady;
    this.isReady = false;
    for (const id of [...this.pending.keys()]) this.settle(id, { code: "lost", message: "The connection closed.", retryable: true });
    if (wasReady) this.listeners.onLost();
    if (this.isStopped) return;
    this.tries += 1;
    if (code === 1012) this.say("restarting");
    else if (!navigator.onLine || this.tries > TRIES_UNTIL_OFFLINE) this.say("offline");
    else if (this.state !== "restarting") this.say("connecting");
    const wait = Math.min(FIRST_WAIT_MS * 2 ** Math.min(this.tries - 1, 8), LONGEST_WAIT_MS);
    const start = this.restartMs ? Math.min(this.restartMs, 3_000) : 0;
    this.restartMs = 0;
    this.timer = setTimeout(() => this.connectNow(), start + wait * (0.5 + Math.random() / 2));
  }
}
