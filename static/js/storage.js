// Browser storage that may be full, blocked or absent: everything then lives as long as the page does, and `kept` says so.
const PREFIX = "holdfast:";
const memory = new Map();

export function read(name) {
  if (memory.has(name)) return memory.get(name);
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name));
  } catch {
    return null;
  }
}

// Returns whether the browser kept it.
export function write(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
    memory.delete(name);
    return true;
  } catch {
    memory.set(name, value);
    return false;
  }
}

// Names that begin with a prefix.
export function names(prefix) {
  const found = new Set([...memory.keys()].filter((name) => name.startsWith(prefix) && memory.get(name) !== null));
  try {
    for (let index = 0; index < localStorage.length; index += 1) {
      const name = localStorage.key(index);
      if (name.startsWith(PREFIX + prefix)) found.add(name.slice(PREFIX.length));
    }
  } catch {
    // storage is blocked: memory is all there is
  }
  return [...found];
}

// Called when another tab changed a value.
export function onChange(name, listener) {
  addEventListener("storage", (event) => {
    if (event.key === PREFIX + name) listener();
  });
}
