import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  parseDeb822,
  parseOneLine,
  parseRelease,
  releaseMirrors,
} from "../../scripts/setup/sources.mjs";

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const debian = { codenames: ["bookworm"], distributions: ["debian"] };

test("deb822: comments, disabled and source stanzas are left out", () => {
  const text = `# the release
Types: deb
# another mirror
URIs: http://one.example/debian http://two.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: ${keyring}

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

types: deb-src
uris: http://source.example/debian
suites: bookworm
components: main
`;
  expect(parseDeb822(text)).toEqual([{
    uris: ["http://one.example/debian", "http://two.example/debian"],
    suites: ["bookworm", "bookworm-updates"],
    components: ["main"],
    options: { "Signed-By": keyring },
  }]);
});

test("deb822: values continue on indented lines, so that an inline key stays whole", () => {
  const key =
    "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----";
  const text =
    `Types: deb deb-src\nURIs: https://m.example/\nSuites:\n bookworm\n sid\nComponents: main\nSigned-By:${key}\n`;
  const [source] = parseDeb822(text);
  expect(source.suites).toEqual(["bookworm", "sid"]);
  expect(source.options["Signed-By"]).toBe(key);
});

test("one-line: options, comments and source lines", () => {
  const text = `# deb http://no.example/debian bookworm main
deb [arch=amd64 signed-by=${keyring} trusted=yes] http://m.example/debian bookworm main contrib # x
deb-src http://m.example/debian bookworm main
  deb cdrom:[Debian 12]/ bookworm main
`;
  expect(parseOneLine(text)[0]).toEqual({
    uris: ["http://m.example/debian"],
    suites: ["bookworm"],
    components: ["main", "contrib"],
    options: { "Signed-By": keyring, Trusted: "yes" },
  });
});

test("both formats of the same source read the same", () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/);
  const source = fc.record({
    uri: word.map((name) => `http://${name}.example/debian`),
    suite: word,
    components: fc.array(word, { minLength: 1, maxLength: 3 }),
    key: fc.option(word.map((name) => `/keys/${name}.gpg`), { nil: undefined }),
  });
  fc.assert(fc.property(source, ({ uri, suite, components, key }) => {
    const names = components.join(" ");
    const bracket = key === undefined ? "" : `[signed-by=${key}] `;
    const signed = key === undefined ? "" : `Signed-By: ${key}\n`;
    expect(parseOneLine(`deb ${bracket}${uri} ${suite} ${names}\n`)).toEqual(
      parseDeb822(`Types: deb\nURIs: ${uri}\nSuites: ${suite}\nComponents: ${names}\n${signed}`),
    );
  }));
});

test("the release's own mirror is taken, and third parties are not", () => {
  const sources = [
    ...parseOneLine(
      "deb [signed-by=/keys/vendor-archive-keyring.gpg] https://v.example bookworm main",
    ),
    ...parseOneLine("deb https://unsigned.example/packages stable main"),
    ...parseOneLine(`deb [signed-by=${keyring}] http://m.example/debian bookworm main`),
    ...parseOneLine("deb http://m.example/debian bookworm-updates main"),
    ...parseOneLine("deb http://m.example/debian-security bookworm-security main"),
    ...parseOneLine("deb http://extra.example/debian bookworm contrib"),
  ];
  expect(releaseMirrors(sources, debian)).toEqual([{
    uri: "http://m.example/debian",
    suites: ["bookworm", "bookworm-updates"],
    options: { "Signed-By": keyring },
  }]);
});

test("a machine that follows `testing` by that name has a mirror too", () => {
  const sources = parseOneLine("deb http://m.example/debian testing main");
  expect(releaseMirrors(sources, debian).map(({ suites }) => suites)).toEqual([["testing"]]);
});

test("kin of Debian know the release that they are built on", () => {
  expect(parseRelease('ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian 12"\n')).toEqual(
    debian,
  );
  const mint =
    'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME=noble\n';
  expect(parseRelease(mint)).toEqual({
    codenames: ["noble", "wilma"],
    distributions: ["linuxmint", "ubuntu", "debian"],
  });
});
