// Reads apt's source lists, in both their formats, to learn which mirror this machine uses.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @typedef {object} Source one mirror that apt is configured with
 * @property {string[]} uris
 * @property {string[]} suites
 * @property {string[]} components
 * @property {Record<string, string>} options deb822 fields, e.g. {"Signed-By": "/usr/share/…"}
 */

/** Options that decide whether apt trusts a mirror; the rest (languages, targets) is not carried. */
const carriedOptions = ["Signed-By", "Trusted", "Check-Valid-Until", "Check-Date"];
/** Names under which a machine may follow Debian without naming the release. */
const rollingSuites = ["stable", "oldstable", "testing", "unstable", "sid"];

/** @param {string} text a deb822 `.sources` file @returns {Source[]} its enabled binary sources */
export function parseDeb822(text) {
  return text.split(/\n(?:[ \t]*\n)+/).map(parseStanza).filter(isBinarySource).map(toSource);
}

/** @param {string} stanza @returns {Record<string, string>} fields by lower-case name */
function parseStanza(stanza) {
  /** @type {Record<string, string>} */
  const fields = {};
  let name = "";
  for (const line of stanza.split("\n")) {
    if (line.startsWith("#")) continue;
    const field = /^([^\s:]+):[ \t]*(.*)$/.exec(line);
    if (field) {
      name = field[1].toLowerCase();
      fields[name] = field[2];
    } else if (name !== "" && /^[ \t]/.test(line)) {
      fields[name] += `\n${line}`; // a continued value, such as an inline key
    }
  }
  return fields;
}

/** @param {Record<string, string>} fields */
function isBinarySource(fields) {
  const enabled = !/^(no|false|0|off)$/i.test(fields.enabled ?? "yes");
  return enabled && words(fields.types).includes("deb") && words(fields.uris).length > 0;
}

/** @param {Record<string, string>} fields @returns {Source} */
function toSource(fields) {
  const options = carriedOptions.flatMap((name) => {
    const value = fields[name.toLowerCase()];
    return value === undefined ? [] : [[name, value]];
  });
  return {
    uris: words(fields.uris),
    suites: words(fields.suites),
    components: words(fields.components),
    options: Object.fromEntries(options),
  };
}

/** @param {string} text a one-line-format `.list` file @returns {Source[]} its binary sources */
export function parseOneLine(text) {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+([^#]+)/.exec(line);
    if (match === null) return [];
    const [, bracket = "", uri, rest] = match;
    const [suite, ...components] = words(rest);
    /** @type {Record<string, string>} */
    const fields = { uris: uri, suites: suite, components: components.join(" ") };
    for (const option of words(bracket)) {
      const at = option.indexOf("=");
      fields[option.slice(0, at)] = option.slice(at + 1).replaceAll(",", " ");
    }
    return [toSource(fields)];
  });
}

/** @param {string | undefined} text */
function words(text) {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

/** @param {string} folder apt's configuration folder @returns {Source[]} all that it names */
export function readSources(folder) {
  const parts = join(folder, "sources.list.d");
  const names = existsSync(parts) ? readdirSync(parts).sort().map((name) => join(parts, name)) : [];
  return [join(folder, "sources.list"), ...names].filter(existsSync).flatMap((file) => {
    if (file.endsWith(".sources")) return parseDeb822(readFileSync(file, "utf8"));
    return file.endsWith(".list") ? parseOneLine(readFileSync(file, "utf8")) : [];
  });
}

/**
 * @typedef {object} Release what this machine runs
 * @property {string[]} codenames the release's, and the one that it is built on: ["bookworm"]
 * @property {string[]} distributions its own and those that it is built on: ["debian"]
 */

/** @param {string} text /etc/os-release @returns {Release} */
export function parseRelease(text) {
  const lines = [...text.matchAll(/^(\w+)=["']?(.*?)["']?$/gm)];
  const fields = Object.fromEntries(lines.map((match) => [match[1], match[2]]));
  const names = [fields.UBUNTU_CODENAME, fields.DEBIAN_CODENAME, fields.VERSION_CODENAME];
  return {
    codenames: [...new Set(names.flatMap(words))],
    distributions: [...new Set([fields.ID, fields.ID_LIKE, "debian"].flatMap(words))],
  };
}

/**
 * @typedef {object} Mirror a mirror of the distribution itself
 * @property {string} uri
 * @property {string[]} suites those of this release that apt takes from it, the plain one first
 * @property {Record<string, string>} options
 */

/**
 * The distribution's own mirrors among the sources. Third parties are left out by their keys.
 * @param {Source[]} sources @param {Release} release @returns {Mirror[]}
 */
export function releaseMirrors(sources, { codenames, distributions }) {
  const own = sources.filter(({ components, options }) => {
    const key = options["Signed-By"];
    return components.includes("main") &&
      (key === undefined || distributions.some((name) => key.includes(`/${name}-archive-`)));
  });
  const mirrors = [...new Set(own.flatMap((source) => source.uris))].flatMap((uri) => {
    const entries = own.filter((source) => source.uris.includes(uri));
    const named = entries.flatMap((source) => source.suites);
    const suite = [...codenames, ...rollingSuites].find((name) => named.includes(name));
    if (suite === undefined || uri.startsWith("cdrom:")) return [];
    const suites = [suite, `${suite}-updates`].filter((name) => named.includes(name));
    return [{ uri, suites, options: entries[0].options }];
  });
  // A third party without a key of its own often calls its suite "stable" as well.
  const exact = mirrors.filter(({ suites }) => codenames.includes(suites[0]));
  return exact.length > 0 ? exact : mirrors;
}
