import { expect, test } from "bun:test";
import { isOlder, parseUris } from "../../scripts/setup/apt.mjs";
import { majorVersion, toUnpack } from "../../scripts/setup/lavapipe.mjs";

const hasDpkg = Bun.which("dpkg") !== null;

test("apt's list of archives gives names, versions with epochs, and files", () => {
  const text =
    `'http://m.example/pool/libllvm15_15.0.6-4%2bb1_amd64.deb' libllvm15_1%3a15.0.6-4+b1_amd64.deb 23115156 MD5Sum:9a
'http://m.example/pool/libdrm2_2.4.123-1%7ebpo12%2b1_amd64.deb' libdrm2_2.4.123-1~bpo12+1_amd64.deb 38648 
`;
  expect(parseUris(text)).toEqual([
    { name: "libllvm15", version: "1:15.0.6-4+b1", file: "libllvm15_1%3a15.0.6-4+b1_amd64.deb" },
    { name: "libdrm2", version: "2.4.123-1~bpo12+1", file: "libdrm2_2.4.123-1~bpo12+1_amd64.deb" },
  ]);
});

test("what this machine lacks is unpacked, the C library never", () => {
  const [missing, same, libc] = ["libvulkan1", "libx11-6", "libc6"]
    .map((name) => ({ name, version: "2:1.8.4-2", file: `${name}.deb` }));
  const installed = new Map([["libx11-6", "2:1.8.4-2"]]);
  expect(toUnpack([missing, same, libc], installed)).toEqual([missing]);
});

test.skipIf(!hasDpkg)(
  "a library older than the driver's own is unpacked, a newer one is not",
  () => {
    const packages = [{ name: "libdrm2", version: "2.4.123-1~bpo12+1", file: "libdrm2.deb" }];
    expect(toUnpack(packages, new Map([["libdrm2", "2.4.114-1+b1"]]))).toEqual(packages);
    expect(toUnpack(packages, new Map([["libdrm2", "2.4.123-1"]]))).toEqual([]);
    expect(isOlder("9.0", "10.0")).toBe(true);
  },
);

test("the major version stands after the epoch", () => {
  expect(majorVersion("25.0.7-2~bpo12+1")).toBe(25);
  expect(majorVersion("1:22.3.6-1+deb12u2")).toBe(22);
});
