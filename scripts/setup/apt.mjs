// apt on private lists and a private cache: it needs no root and leaves the system as it is.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { output } from "./command.mjs";

/** @typedef {{ name: string, version: string, file: string }} Package */

export class PrivateApt {
  #folder;
  #configuration;

  /** @param {string} folder for its lists and cache; made when missing */
  constructor(folder) {
    this.#folder = folder;
    this.#configuration = join(folder, "apt.conf");
    for (const name of ["sources.list.d", "lists/partial", "cache/archives/partial"]) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    writeFileSync(this.#configuration, configurationFor(folder));
    writeFileSync(join(folder, "status"), "");
  }

  /**
   * Reads the package lists of some suites of a mirror.
   * @param {import("./sources.mjs").Mirror} mirror
   */
  update({ uri, suites, options }) {
    const fields = { Types: "deb", URIs: uri, Suites: suites.join(" "), Components: "main" };
    const stanza = Object.entries({ ...fields, Targets: "Packages", ...options });
    const text = stanza.map(([name, value]) => `${name}: ${value}\n`).join("");
    writeFileSync(join(this.#folder, "sources.list.d/mirror.sources"), text);
    this.#get(["update"]);
  }

  /** @param {string} name @param {string} suite @returns {string | undefined} the version there */
  candidate(name, suite) {
    const policy = ["-c", this.#configuration, "policy", "-t", suite, name];
    const version = /Candidate: (\S+)/.exec(output("apt-cache", policy))?.[1];
    return version === "(none)" ? undefined : version;
  }

  /** @param {string[]} names @param {string} suite @returns {Package[]} with all they depend on */
  closure(names, suite) {
    const install = ["install", "-y", "--print-uris", "--no-install-recommends", "-t", suite];
    return parseUris(this.#get([...install, ...names]));
  }

  /** @param {Package[]} packages @param {string} folder where their archives go */
  download(packages, folder) {
    this.#get(["download", ...packages.map(({ name, version }) => `${name}=${version}`)], folder);
  }

  /** @param {string[]} args @param {string} [cwd] */
  #get(args, cwd) {
    return output("apt-get", ["-c", this.#configuration, "-qq", ...args], { cwd });
  }
}

/**
 * Added to the machine's own apt configuration, which may name a proxy. Its hooks are dropped: they
 * tidy and refresh folders that are not ours. The empty package status makes apt name everything
 * that a package depends on, whatever is installed, held or broken here.
 * @param {string} folder
 */
function configurationFor(folder) {
  return `#clear APT::Update;
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "${join(folder, "sources.list.d")}";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "${folder}";
Dir::State::lists "${join(folder, "lists")}";
Dir::State::status "${join(folder, "status")}";
Dir::Cache "${join(folder, "cache")}";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
`;
}

/** @param {string} text of apt's `--print-uris` @returns {Package[]} */
export function parseUris(text) {
  return [...text.matchAll(/^'[^']*' (([^_\s]+)_([^_\s]+)_[^_\s]+\.deb) /gm)].map((match) => ({
    name: match[2],
    version: decodeURIComponent(match[3]),
    file: match[1],
  }));
}

/** @returns {Map<string, string>} versions of this machine's packages by name */
export function installedVersions() {
  const architecture = output("dpkg", ["--print-architecture"]).trim();
  const format = "${db:Status-Status} ${Architecture} ${Package} ${Version}\\n";
  const lines = output("dpkg-query", ["-W", "-f", format]).split("\n");
  return new Map(lines.flatMap((line) => {
    const [status, of, name, version] = line.split(" ");
    const counts = status === "installed" && (of === architecture || of === "all");
    return counts ? [[name, version]] : [];
  }));
}

/** @param {string} a @param {string} b Debian versions; dpkg knows the order of epochs and tildes */
export function isOlder(a, b) {
  return a !== b && spawnSync("dpkg", ["--compare-versions", a, "lt", b]).status === 0;
}
